"""Train and publish ``cifar10``: which of ten things does a small picture show?"""

import argparse
from pathlib import Path

import numpy as np

from models.cifar10 import archive
from models.cifar10.scenes import LABELS, draw
from models.cnn import IMAGE, Recipe, fit, publish_cnn
from models.pictures import Sets, drawn
from predictors.image import ImagePreprocessing
from trellis.contracts.model_yaml import ModelYaml, TrainingData
from trellis.serving.publish import Description

HERE = Path(__file__).parent
PREPROCESSING = ImagePreprocessing(width=32, height=32, scale=1 / 255)
NOTE = (
    "This demo knows only drawn pictures: it learned from scenes that a program drew and does "
    "not recognise things in photographs."
)
RECIPES = {
    "v1": Recipe(
        "Small network on 1,500 scenes.", filters=(6, 12, 16), rows=1500, epochs=10, normalise=True
    ),
    "v2": Recipe(
        "Wider network on 8,000 scenes, mirrored while it learned.",
        filters=(24, 48, 96),
        rows=8000,
        epochs=12,
        mirror="sideways",
        normalise=True,
    ),
}
_HELD_OUT = 1000


def load(data: Path | None, recipe: Recipe, seed: int, held_out: int = _HELD_OUT) -> Sets:
    """The official archive at ``data``; drawn scenes where it is ``None``."""
    if data is not None:
        return archive.load(data)
    return drawn(draw, LABELS, learn=recipe.rows, judge=held_out, seed=seed)


def examples(sets: Sets, seed: int) -> list[tuple[str, bytes]]:
    """A picture for each of six labels, none of which was learned from."""
    shown = ("ship", "cat", "horse", "airplane", "frog", "truck")
    if not sets.synthetic:
        first = {
            label: int(np.flatnonzero(sets.judge.truth == LABELS.index(label))[0])
            for label in shown
        }
        return [(label, sets.judge.files[row]) for label, row in first.items()]
    rng = np.random.default_rng([seed, 2])
    return [(label, draw(rng, label, (160, 160))) for label in shown]


def train(
    version: str,
    destination: Path,
    *,
    data: Path | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
    held_out: int = _HELD_OUT,
) -> ModelYaml:
    """Train one version, publish it to ``destination`` and return its ``model.yaml``."""
    recipe = recipe or RECIPES[version]
    sets = load(data, recipe, seed, held_out)
    model = fit(recipe, PREPROCESSING, sets.learn, len(LABELS), seed)
    described = Description(
        name="cifar10",
        version=version,
        description=recipe.description if sets.synthetic else "Trained on the CIFAR-10 archive.",
        predictor="predictors.image:ImageClassifier",
        inputs=(IMAGE,),
        labels=LABELS,
        preprocessing=PREPROCESSING.model_dump(),
        data=TrainingData(
            name="drawn-scenes" if sets.synthetic else "cifar-10",
            seed=seed,
            rows=len(sets.learn.files),
            held_out_rows=len(sets.judge.files),
            synthetic=sets.synthetic,
            note=NOTE if sets.synthetic else "",
        ),
    )
    return publish_cnn(destination, model, described, sets.judge, examples(sets, seed))


def main() -> None:
    """Train both versions, or the one named."""
    parser = argparse.ArgumentParser(prog="python -m models.cifar10.train", description=__doc__)
    parser.add_argument("--version", choices=sorted(RECIPES), help="train only this one")
    parser.add_argument("--data", type=Path, help="cifar-10-python.tar.gz, or the folder in it")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for version in [given.version] if given.version else sorted(RECIPES):
        written = train(version, HERE / version, data=given.data, seed=given.seed)
        print(f"cifar10/{version}: {written.metrics}")


if __name__ == "__main__":
    main()
