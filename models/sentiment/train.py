"""Train and publish ``sentiment``: does a sentence praise or complain?"""

import argparse
import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.artefacts import dump
from models.sentiment import phrases
from models.splits import stratified
from predictors.text import Vocabulary
from trellis.contracts.model_yaml import ModelYaml, TrainingData
from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish import Description, HeldOut, publish
from trellis.serving.types import bytes_array

HERE = Path(__file__).parent
LABELS = phrases.LABELS
TEXT = TensorSpec(name="text", datatype="BYTES", shape=(-1,), content="text")
NOTE = (
    "This demo learned from sentences that a program put together about things people buy, eat "
    "and visit; it knows their words, and little else of English."
)


EXAMPLES = (
    "The staff were friendly and the view from our room was superb.",
    "It broke after two days and nobody answered my calls.",
    "Not bad at all, I would buy it again.",
    "I expected more: the story is dull and predictable.",
    "Quick delivery, fair price, no complaints.",
)


@dataclass(frozen=True)
class Recipe:
    """How one version is made: ``rows`` sentences of common words, ``wide`` of the lexicon.

    ``pairs``: two neighbouring words count as a term; ``min_count``: terms in fewer sentences are
    left out; ``strength``: the inverse of the regularisation.
    """

    description: str
    rows: int
    pairs: bool
    wide: int
    min_count: int = 2
    strength: float = 1.0


RECIPES = {
    "v1": Recipe("Single words, from 600 sentences put together.", rows=600, pairs=False, wide=0),
    "v2": Recipe(
        "Words and pairs of words, from 8,000 sentences put together with a lexicon and 160 by hand.",
        rows=4000,
        pairs=True,
        wide=4000,
        min_count=3,
        strength=4.0,
    ),
}


@dataclass(frozen=True)
class Sentences:
    """``texts`` and, for each, its label's index."""

    texts: list[str]
    truth: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> "Sentences":
        """These rows, in this order."""
        return Sentences([self.texts[row] for row in rows], self.truth[rows])


def read_csv(path: Path) -> Sentences:
    """Two columns, text and label, in either order, with or without a header.

    A label is ``positive``, ``pos`` or ``1``, or ``negative``, ``neg`` or ``0``. Raises
    ``ValueError`` naming the line that fits neither.
    """
    known = {"positive": 1, "pos": 1, "1": 1, "negative": 0, "neg": 0, "0": 0}
    texts: list[str] = []
    truth: list[int] = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        for row in reader:
            if len(row) != 2:
                raise ValueError(
                    f"{path.name}, line {reader.line_num}: {len(row)} columns, expected text and label"
                )
            for text, label in (row, row[::-1]):
                if label.strip().lower() in known:
                    texts.append(text)
                    truth.append(known[label.strip().lower()])
                    break
            else:
                if reader.line_num > 1:
                    raise ValueError(
                        f"{path.name}, line {reader.line_num}: neither column is positive or negative"
                    )
    return Sentences(texts, np.array(truth, dtype=np.intp))


def load(data: Path | None, recipe: Recipe, seed: int) -> tuple[Sentences, Sentences]:
    """What is learned from and what is judged by.

    A given CSV is split; else the sentences are put together, and the judging ones are those
    written by hand in ``held_out.csv``, which share no frame with them.
    """
    if data is None:
        texts, truth = phrases.drawn(recipe.rows, seed, recipe.wide)
        if recipe.wide:
            by_hand = read_csv(HERE / "learn.csv")
            texts += by_hand.texts
            truth += by_hand.truth.tolist()
        return Sentences(texts, np.array(truth, dtype=np.intp)), read_csv(HERE / "held_out.csv")
    given = read_csv(data)
    learn, judge = stratified(given.truth, 0.2, seed)
    return given.take(learn), given.take(judge)


def fit(recipe: Recipe, learn: Sentences, seed: int) -> tuple[Vocabulary, Any]:
    """The vocabulary and a pipeline from its counts to probabilities."""
    with Progress(transient=True) as progress:
        task = progress.add_task("sentiment", total=3)
        vocabulary = Vocabulary.of(learn.texts, pairs=recipe.pairs, min_count=recipe.min_count)
        progress.advance(task)
        counts = vocabulary.counts([vocabulary.columns(text) for text in learn.texts])
        progress.advance(task)
        linear = LogisticRegression(C=recipe.strength, max_iter=2000, random_state=seed)
        model = make_pipeline(TfidfTransformer(), linear).fit(counts, learn.truth)
        progress.advance(task)
    return vocabulary, model


def examples(judge: Sentences, *, own: bool) -> list[tuple[str, dict[str, Any]]]:
    """Sentences to try: a few of our own, else the first that the model did not learn from."""
    shown = EXAMPLES if own else tuple(judge.texts[:5])
    return [
        (text if len(text) <= 60 else text[:57] + "…", {"text": bytes_array([text.encode()])})
        for text in shown
    ]


def train(
    version: str,
    destination: Path,
    *,
    data: Path | None = None,
    seed: int = 0,
    recipe: Recipe | None = None,
) -> ModelYaml:
    """Train one version, publish it to ``destination`` and return its ``model.yaml``."""
    recipe = recipe or RECIPES[version]
    learn, judge = load(data, recipe, seed)
    vocabulary, model = fit(recipe, learn, seed)
    with tempfile.TemporaryDirectory() as folder:
        artefact, words = Path(folder) / "model.skops", Path(folder) / Vocabulary.FILE
        dump(model, artefact)
        vocabulary.write(words)
        return publish(
            destination,
            Description(
                name="sentiment",
                version=version,
                description=recipe.description if data is None else "Trained on the CSV given.",
                predictor="predictors.text:TextClassifier",
                inputs=(TEXT,),
                labels=LABELS,
                preprocessing={"pairs": recipe.pairs, "terms": len(vocabulary.terms)},
                data=TrainingData(
                    name="own-sentences" if data is None else data.name,
                    seed=seed,
                    rows=len(learn.texts),
                    held_out_rows=len(judge.texts),
                    synthetic=data is None,
                    note=NOTE if data is None else "",
                ),
            ),
            artefact,
            HeldOut({"text": bytes_array([text.encode() for text in judge.texts])}, judge.truth),
            files=[words],
            examples=examples(judge, own=data is None),
        )


def main() -> None:
    """Train both versions, or the one named."""
    parser = argparse.ArgumentParser(prog="python -m models.sentiment.train", description=__doc__)
    parser.add_argument("--version", choices=sorted(RECIPES), help="train only this one")
    parser.add_argument("--data", type=Path, help="a CSV of two columns, text and label")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for version in [given.version] if given.version else sorted(RECIPES):
        written = train(version, HERE / version, data=given.data, seed=given.seed)
        print(f"sentiment/{version}: {written.metrics}")


if __name__ == "__main__":
    main()
