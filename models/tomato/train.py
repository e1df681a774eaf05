"""Train and publish ``tomato``: which disease does a tomato leaf show?"""

import argparse
from pathlib import Path

import numpy as np

from models.cnn import IMAGE, Recipe, fit, publish_cnn
from models.pictures import Sets, drawn, from_folder
from models.tomato.folders import folder_names
from models.tomato.leaves import LABELS, draw
from predictors.image import ImagePreprocessing
from trellis.contracts.model_yaml import ModelYaml, TrainingData
from trellis.serving.publish import Description

HERE = Path(__file__).parent
PREPROCESSING = ImagePreprocessing(width=64, height=64, scale=1 / 255)
NOTE = (
    "This demo knows only drawn leaves: it learned from pictures that a program drew and tells "
    "nothing of a real plant."
)
RECIPES = {
    "v1": Recipe(
        "Small network on 1,500 leaves.", filters=(8, 16, 32), rows=1500, epochs=14, normalise=True
    ),
    "v2": Recipe(
        "Wider network on 6,000 leaves, turned every way while it learned.",
        filters=(16, 32, 48, 64),
        rows=6000,
        epochs=12,
        mirror="anyhow",
        normalise=True,
    ),
}
_HELD_OUT = 1000


def load(folder: Path | None, recipe: Recipe, seed: int, held_out: int = _HELD_OUT) -> Sets:
    """The pictures in ``folder``, a fifth of them held out; drawn leaves where it is ``None``."""
    if folder is not None:
        return from_folder(folder, folder_names(), held_out_share=0.2, seed=seed)
    return drawn(draw, LABELS, learn=recipe.rows, judge=held_out, seed=seed)


def examples(sets: Sets, seed: int) -> list[tuple[str, bytes]]:
    """A picture for each of six labels, none of which was learned from."""
    shown = (
        "Early_blight",
        "healthy",
        "Septoria_leaf_spot",
        "Late_blight",
        "Mosaic_virus",
        "Spider_mites",
    )
    if not sets.synthetic:
        first = {
            label: int(np.flatnonzero(sets.judge.truth == LABELS.index(label))[0])
            for label in shown
        }
        return [(label, sets.judge.files[row]) for label, row in first.items()]
    rng = np.random.default_rng([seed, 2])
    return [(label, draw(rng, label, (240, 180))) for label in shown]


def write_samples(folder: Path, seed: int) -> None:
    """Pictures of a camera's size, 640 x 480, to try the model with from the command line."""
    rng = np.random.default_rng([seed, 3])
    folder.mkdir(exist_ok=True)
    for label in ("healthy", "Early_blight", "Late_blight", "Septoria_leaf_spot"):
        (folder / f"{label.lower()}.jpg").write_bytes(draw(rng, label, (640, 480)))


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
        name="tomato",
        version=version,
        description=recipe.description if sets.synthetic else "Trained on the pictures given.",
        predictor="predictors.image:ImageClassifier",
        inputs=(IMAGE,),
        labels=LABELS,
        preprocessing=PREPROCESSING.model_dump(),
        data=TrainingData(
            name="drawn-leaves" if sets.synthetic else "given-folder",
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
    parser = argparse.ArgumentParser(prog="python -m models.tomato.train", description=__doc__)
    parser.add_argument("--version", choices=sorted(RECIPES), help="train only this one")
    parser.add_argument(
        "--data",
        type=Path,
        help="a folder with a folder of pictures a label, as PlantVillage has it",
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for version in [given.version] if given.version else sorted(RECIPES):
        written = train(version, HERE / version, data=given.data, seed=given.seed)
        print(f"tomato/{version}: {written.metrics}")
    if given.data is None:
        write_samples(HERE / "examples", given.seed)


if __name__ == "__main__":
    main()
