from pathlib import Path

import pytest

from scripts.images import sizes
from scripts.images.sizes import Measured
from scripts.images.targets import named


def measured(**megabytes: int) -> list[Measured]:
    return [
        Measured(named([name.replace("_", "-")])[0], value * 1_000_000, 1.25)
        for name, value in megabytes.items()
    ]


def test_each_image_has_a_line_with_its_share() -> None:
    lines = sizes.table(measured(predictor=400, predictor_keras=1600)).splitlines()
    assert lines[2].endswith("| 400 | 25% | 1.2 s |")
    assert lines[3].endswith("| 1,600 | 100% | 1.2 s |")


def test_there_is_no_share_where_keras_was_not_built() -> None:
    assert sizes.table(measured(predictor=400)).splitlines()[2].endswith("| 400 |  | 1.2 s |")


@pytest.mark.parametrize(("slim", "allowed"), [(400, True), (401, False)])
def test_a_quarter_is_the_most(slim: int, *, allowed: bool) -> None:
    problem = sizes.too_large(measured(predictor=slim, predictor_keras=1600))
    assert (problem is None) is allowed
    if problem:
        assert "401 MB" in problem
        assert "1,600 MB" in problem


def test_one_image_alone_is_not_too_large() -> None:
    assert sizes.too_large(measured(predictor=4000)) is None


def test_the_page_gets_the_table_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "images.md"
    monkeypatch.setattr(sizes, "PAGE", page)
    page.write_text(f"before\n{sizes.BEGIN}\nold\n{sizes.END}\nafter\n")
    sizes.document(measured(predictor=400))
    text = page.read_text()
    assert text.startswith(f"before\n{sizes.BEGIN}\n| image |")
    assert text.endswith(f"| 400 |  | 1.2 s |\n{sizes.END}\nafter\n")
    assert "old" not in text


def test_the_page_in_docs_has_both_marks() -> None:
    text = sizes.PAGE.read_text("utf-8")
    assert text.index(sizes.BEGIN) < text.index(sizes.END)
