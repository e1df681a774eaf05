"""What a predictor is made of: its module, its helpers', and nothing that happens to be loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from trellis.serving.predictor_source import source_digest

FILES = {
    "__init__.py": "",
    "mine.py": (
        "from trellis.serving import Predictor\n"
        "from . import scale\n"
        "from .deep import numbers\n"
        "class Mine(Predictor):\n"
        "    def predict(self, inputs):\n"
        "        from room.late import shift\n"
        "        return scale.SCALE * shift(inputs) + numbers.ONE\n"
    ),
    "scale.py": "SCALE = 2\n",
    "late.py": "def shift(x): return x + 1\n",
    "deep/__init__.py": "import room.below\n",
    "deep/numbers.py": "ONE = 1\n",
    "below.py": "ONE = 1\n",
    "stranger.py": "ONE = 1\n",
}
DIGEST = "from room.mine import Mine; from trellis.serving.predictor_source import source_digest"


def write(folder: Path, **changed: str) -> Path:
    """A package ``room``; ``changed`` by file, ``deep/numbers.py`` as ``deep__numbers``."""
    other = {f"{name.replace('__', '/')}.py": text for name, text in changed.items()}
    for name, text in {**FILES, **other}.items():
        file = folder / "room" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def digest(folder: Path, code: str = "") -> list[str]:
    """What a process prints that loads the predictor of ``folder``; ``code`` runs in between."""
    script = f"{DIGEST}\nprint(source_digest(Mine))\n{code}"
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{folder}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    (found,) = digest(write(tmp_path_factory.mktemp("plain")))
    return found


@pytest.mark.parametrize("helper", ["scale", "late", "below", "deep__numbers"])
def test_a_helper_however_it_is_imported_decides(helper: str, tmp_path: Path, plain: str) -> None:
    assert digest(write(tmp_path, **{helper: "SCALE = ONE = 3\n"})) != [plain]


def test_a_module_that_is_only_loaded_decides_nothing(tmp_path: Path, plain: str) -> None:
    write(tmp_path, stranger="ONE = 5\n")
    also = "import room.stranger; source_digest.__globals__['_source'].cache_clear()"
    assert digest(tmp_path, f"{also}\nprint(source_digest(Mine))") == [plain, plain]


def test_an_edit_under_a_running_process_changes_nothing(tmp_path: Path, plain: str) -> None:
    file = write(tmp_path) / "room" / "scale.py"
    edit = f"from pathlib import Path; Path({str(file)!r}).write_text('SCALE = 9')"
    assert digest(tmp_path, f"{edit}\nprint(source_digest(Mine))") == [plain, plain]
    assert digest(tmp_path) != [plain]


def test_a_class_without_a_file_still_has_a_digest() -> None:
    found = source_digest(type("Made", (), {"__module__": "nowhere"}))
    assert found == source_digest(type("Other", (), {"__module__": "nowhere"}))
