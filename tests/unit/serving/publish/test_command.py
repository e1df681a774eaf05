from pathlib import Path

import numpy as np
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

from trellis.serving.publish import main
from trellis.serving.version_folder import VersionFolder

X = np.random.default_rng(0).random((40, 2)).astype(np.float32)
DESCRIPTION = {
    "name": "sums",
    "version": "v1",
    "predictor": "predictors.tabular:TabularClassifier",
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}],
    "labels": ["small", "large"],
}


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    truth = (X.sum(axis=1) > 1).astype(int)
    skops.io.dump(LogisticRegression().fit(X, truth), tmp_path / "model.skops")
    (tmp_path / "about.yaml").write_text(yaml.safe_dump(DESCRIPTION), encoding="utf-8")
    rows = [f"{a},{b},{('small', 'large')[t]}" for (a, b), t in zip(X, truth, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,label", *rows]), encoding="utf-8")
    return [
        str(tmp_path / "about.yaml"),
        *("--artefact", str(tmp_path / "model.skops")),
        *("--held-out", str(tmp_path / "rows.csv")),
        *("--to", str(tmp_path / "models" / "sums" / "v1")),
    ]


def test_a_version_is_published_from_files(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    written = VersionFolder.open(tmp_path / "models" / "sums" / "v1").yaml
    assert written.metrics["accuracy"] > 0.8
    assert [example.title for example in written.examples] == ["small", "large"]
    assert capsys.readouterr().out.startswith("sums/v1: served by onnx, {'accuracy'")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--held-out", "nowhere.csv", "No such file"),
        ("--held-out", "about.yaml", "expected a .npz, a .csv or a folder"),
        ("--artefact", "model.joblib", "trellis models convert model.joblib model.skops"),
        ("--packages", "elsewhere", "not in an allowed package"),
    ],
)
def test_what_a_person_must_change_is_said(
    option: str,
    value: str,
    says: str,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = value if option == "--packages" else str(tmp_path / value)
    assert main([*arguments, option, path]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"naem": "x"}, "about.yaml: naem: Extra inputs"),
        ({"labels": []}, "outputs: needed where there are no labels"),
        ({"version": "a b"}, "about.yaml: version: "),
    ],
)
def test_a_bad_description_names_the_field(
    change: dict[str, object],
    says: str,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "about.yaml").write_text(
        yaml.safe_dump({**DESCRIPTION, **change}), encoding="utf-8"
    )
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
