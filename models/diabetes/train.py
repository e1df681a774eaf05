"""Train and publish ``diabetes``: high or low progression a year on, from ten measurements."""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.artefacts import dump
from models.splits import stratified
from trellis.contracts.model_yaml import ModelYaml, TrainingData
from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish import Description, HeldOut, publish

HERE = Path(__file__).parent
LABELS = ("low", "high")
#: In the order of the table; the last six are its serum values s1 to s6.
FEATURES = (
    "age",
    "sex (1 or 2)",
    "body mass index",
    "blood pressure",
    "total cholesterol",
    "LDL",
    "HDL",
    "cholesterol ratio",
    "log triglycerides",
    "glucose",
)
#: Progression scores run from 25 to 346; half of the patients lie above 140.
HIGH = 140.0
NOTE = (
    "442 patients of a study published in 2004; shows how a table of numbers is served and is "
    "no medical advice."
)


@dataclass(frozen=True)
class Rows:
    """``features`` float32 [n, 10] in the units of the original table; ``truth`` 0 low, 1 high."""

    features: NDArray[np.float32]
    truth: NDArray[np.intp]


def load() -> Rows:
    """scikit-learn's copy of the diabetes data, unscaled: age in years, bmi in kg/m², bp in mmHg."""
    features, progression = load_diabetes(return_X_y=True, scaled=False)
    return Rows(features.astype(np.float32), (progression > HIGH).astype(np.intp))


def linear_on_examination(seed: int) -> Any:
    """v1: what can be had without a blood sample (age, sex, bmi, blood pressure), linear."""
    pick = ColumnTransformer([("examination", "passthrough", [0, 1, 2, 3])])
    return make_pipeline(pick, StandardScaler(), LogisticRegression(random_state=seed))


def forest_on_everything(seed: int) -> Any:
    """v2: all ten measurements, a hundred trees at most ten deep."""
    return RandomForestClassifier(100, max_depth=10, min_samples_leaf=5, random_state=seed)


VERSIONS = {
    "v1": (linear_on_examination, "Logistic regression on age, sex, bmi and blood pressure."),
    "v2": (forest_on_everything, "Random forest of 100 trees on all ten measurements."),
}


def cross_validated(make: Any, rows: Rows, seed: int, repeats: int) -> dict[str, float]:
    """Means over repeated five-fold cross-validation: every row is held out once a repeat.

    With 442 rows one held-out fifth is too few to tell two models apart.
    """
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=seed)
    accuracy, auc = [], []
    splits = list(folds.split(rows.features, rows.truth))
    for train, test in track(splits, description="cross-validation", transient=True):
        model = make(seed).fit(rows.features[train], rows.truth[train])
        probabilities = model.predict_proba(rows.features[test])
        accuracy.append(accuracy_score(rows.truth[test], probabilities.argmax(axis=1)))
        auc.append(roc_auc_score(rows.truth[test], probabilities[:, 1]))
    return {
        "cross_validated_accuracy": round(float(np.mean(accuracy)), 4),
        "cross_validated_auc": round(float(np.mean(auc)), 4),
    }


def train(version: str, destination: Path, *, seed: int = 0, repeats: int = 10) -> ModelYaml:
    """Train one version, publish it to ``destination`` and return its ``model.yaml``."""
    make, description = VERSIONS[version]
    rows = load()
    learn, judge = stratified(rows.truth, 0.25, seed)
    model = make(seed).fit(rows.features[learn], rows.truth[learn])
    with tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "model.skops"
        dump(model, artefact)
        return publish(
            destination,
            Description(
                name="diabetes",
                version=version,
                description=description,
                predictor="predictors.tabular:TabularClassifier",
                inputs=(TensorSpec(name="features", datatype="FP32", shape=(-1, len(FEATURES))),),
                labels=LABELS,
                preprocessing={"features": list(FEATURES)},
                metrics=cross_validated(make, rows, seed, repeats),
                data=TrainingData(
                    name="sklearn-diabetes",
                    seed=seed,
                    rows=len(learn),
                    held_out_rows=len(judge),
                    note=NOTE,
                ),
            ),
            artefact,
            HeldOut({"features": rows.features[judge]}, rows.truth[judge]),
            examples=[
                (
                    f"a patient of {rows.features[row, 0]:.0f}",
                    {"features": rows.features[row : row + 1]},
                )
                for row in judge[:5]
            ],
        )


def main() -> None:
    """Train both versions, or the one named."""
    parser = argparse.ArgumentParser(prog="python -m models.diabetes.train", description=__doc__)
    parser.add_argument("--version", choices=sorted(VERSIONS), help="train only this one")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for version in [given.version] if given.version else sorted(VERSIONS):
        written = train(version, HERE / version, seed=given.seed)
        print(f"diabetes/{version}: {written.metrics}")


if __name__ == "__main__":
    main()
