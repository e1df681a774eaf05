from pathlib import Path

import pytest

from scripts.charts.readme import BEGIN, END, NoMarks, with_table
from scripts.charts.values_file import read_values

VALUES = """
# -- Kind: `a|b`.
# @enum a b
kind: a
# -- Part.
part:
  # -- Size.
  # @minimum 1
  size: 2
# -- Arms.
# @field name string required -- its name
# @field parts array required -- its parts
# @field parts[].size integer -- a part's size
arms: []
"""


def table(folder: Path, readme: str) -> str:
    file = folder / "values.yaml"
    file.write_text(VALUES)
    return with_table(readme, read_values(file))


def test_the_table_goes_between_the_marks_and_the_rest_stays(tmp_path: Path) -> None:
    text = table(tmp_path, f"# Chart\n\n{BEGIN}\nold\n{END}\n\nEnd.\n")
    assert text.startswith(f"# Chart\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nEnd.\n")
    assert "old" not in text
    assert r'| `kind` | `a`, `b` | `"a"` | Kind: `a\|b`. |' in text
    assert "| **`part`** |  |  | Part. |" in text
    assert "| `part.size` | integer, from 1 | `2` | Size. |" in text
    assert "| `arms[].name` | string, required |  | its name |" in text
    assert "| `arms[].parts` | list, required |  | its parts |" in text
    assert "| `arms[].parts[].size` | integer |  | a part's size |" in text


def test_a_second_writing_changes_nothing(tmp_path: Path) -> None:
    once = table(tmp_path, f"{BEGIN}\n{END}")
    assert table(tmp_path, once) == once


@pytest.mark.parametrize("readme", ["# Chart", BEGIN, f"{END}\n{BEGIN}"])
def test_a_readme_without_its_marks_is_told(tmp_path: Path, readme: str) -> None:
    with pytest.raises(NoMarks, match="the README lacks"):
        table(tmp_path, readme)
