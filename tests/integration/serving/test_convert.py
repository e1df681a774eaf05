"""``trellis models convert`` in real processes."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from trellis.serving.convert import ConvertError, convert, main
from trellis.serving.engines import open_engine

X = np.random.default_rng(0).random((40, 3)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(int)


class WhoLoadedMe:
    """Writes the loading process's id when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        code = f"import os, pathlib; pathlib.Path({str(self.file)!r}).write_text(str(os.getpid()))"
        return exec, (code,)


@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(3, random_state=0), LogisticRegression()]
)
@pytest.mark.parametrize("name", ["old.joblib", "old.pkl"])
def test_an_estimator_is_converted(name: str, estimator: Any, tmp_path: Path) -> None:
    estimator.fit(X, Y)
    if name.endswith("joblib"):
        joblib.dump(estimator, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(estimator))
    convert(tmp_path / name, tmp_path / "new.skops")
    (result,) = open_engine("sklearn", tmp_path / "new.skops", 1).run({"x": X}).values()
    np.testing.assert_allclose(result, estimator.predict_proba(X), rtol=1e-6)


def test_the_files_code_runs_in_another_process(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(WhoLoadedMe(seen)))
    with pytest.raises(ConvertError):  # what it leaves is no estimator
        convert(tmp_path / "old.pkl", tmp_path / "new.skops")
    assert int(seen.read_text()) != os.getpid()
    assert not (tmp_path / "new.skops").exists()


def test_the_command_warns_before_anything(tmp_path: Path) -> None:
    joblib.dump(LogisticRegression().fit(X, Y), tmp_path / "old.joblib")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "trellis.serving.convert",
            str(tmp_path / "old.joblib"),
            str(tmp_path / "new.skops"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.startswith("WARNING: reading old.joblib RUNS THE CODE IN THAT FILE")
    assert "trellis models publish" in done.stdout
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["new.skops", "old.joblib"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("old.txt", "new.skops", "expected a file ending in .joblib"),
        ("old.joblib", "new.joblib", "must end in .skops"),
        ("nowhere.pkl", "new.skops", "no such file"),
        ("broken.pkl", "new.skops", "broken.pkl cannot be read: "),
        ("boosting.joblib", "new.skops", "inside GradientBoostingClassifier cannot be checked"),
    ],
)
def test_what_cannot_be_converted_is_said(
    old: str, new: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.pkl").write_bytes(b"not a pickle")
    joblib.dump(GradientBoostingClassifier(n_estimators=2).fit(X, Y), tmp_path / "boosting.joblib")
    assert main([str(tmp_path / old), str(tmp_path / new)]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / new).exists()
