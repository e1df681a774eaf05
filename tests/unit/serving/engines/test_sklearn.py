import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trellis.serving.engines import EngineError, open_engine

RNG = np.random.default_rng(0)
X = RNG.random((60, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 1).astype(int)


def saved(estimator: Any, folder: Path) -> Path:
    import skops.io  # it looks at all of scikit-learn, which every process that collects tests would do

    file = folder / "model.skops"
    skops.io.dump(estimator, file)
    return file


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5, random_state=0, n_jobs=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=["forest", "pipeline"],
)
def test_a_classifier_gives_probabilities(estimator: Any, tmp_path: Path) -> None:
    file = saved(estimator.fit(X, Y), tmp_path)
    (result,) = open_engine("sklearn", file, 1).run({"any name": X}).values()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, estimator.predict_proba(X), rtol=1e-6)


def test_a_regressor_gives_predictions(tmp_path: Path) -> None:
    estimator = LinearRegression().fit(X, X[:, 0] * 3)
    outputs = open_engine("sklearn", saved(estimator, tmp_path), 1).run({"x": X})
    np.testing.assert_allclose(outputs["predictions"], X[:, 0] * 3, atol=1e-5)


def test_a_forest_starts_no_workers(tmp_path: Path) -> None:
    forest = RandomForestClassifier(3, n_jobs=4).fit(X, Y)
    engine: Any = open_engine("sklearn", saved(make_pipeline(forest), tmp_path), 1)
    assert engine._estimator.steps[-1][1].n_jobs == 1


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl", "model.skops"])
@pytest.mark.parametrize(
    "dump", [joblib.dump, lambda value, file: file.write_bytes(pickle.dumps(value))]
)
def test_a_pickle_is_refused_under_any_name(name: str, dump: Any, tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (ran,)

    file = tmp_path / name
    dump(Evil(), file)
    with pytest.raises(EngineError, match=f"trellis models convert {name} model.skops"):
        open_engine("sklearn", file, 1)
    assert not ran.exists()


def test_types_that_are_not_trusted_are_named(tmp_path: Path) -> None:
    file = saved(HistGradientBoostingClassifier(max_iter=2).fit(X, Y), tmp_path)
    with pytest.raises(EngineError, match=r"not trusted: sklearn\.ensemble.*TreePredictor"):
        open_engine("sklearn", file, 1)


def test_a_crafted_tree_in_a_file_is_refused(tmp_path: Path) -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 2**40
    tree.__setstate__(state)
    with pytest.raises(
        EngineError, match=r"model\.skops is refused: node 0 of a tree has a left child outside"
    ):
        open_engine("sklearn", saved(forest, tmp_path), 1)


def test_a_zip_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(EngineError, match="is not a skops file that can be loaded"):
        open_engine("sklearn", file, 1)


@pytest.mark.parametrize(
    "value",
    [None, {"a": [1, 2]}, np.ones(3), StandardScaler().fit(X)],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_estimator_is_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=f"holds a {type(value).__name__}, expected an estimator"):
        open_engine("sklearn", saved(value, tmp_path), 1)
