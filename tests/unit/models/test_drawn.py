"""Drawn pictures and sentences: the same seed draws the same, and kinds differ."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.cifar10 import scenes
from models.pictures import drawn
from models.sentiment import lexicon, phrases
from models.sentiment.train import read_csv
from models.tomato import leaves

Draw = Callable[[np.random.Generator, str], bytes]
SENTIMENT = Path(__file__).parents[3] / "models" / "sentiment"

both = pytest.mark.parametrize(
    ("draw", "labels"),
    [(leaves.draw, leaves.LABELS), (scenes.draw, scenes.LABELS)],
    ids=["leaves", "scenes"],
)


@both
def test_the_seed_decides(draw: Draw, labels: tuple[str, ...]) -> None:
    first, again, other = (drawn(draw, labels, learn=10, judge=10, seed=seed) for seed in (1, 1, 2))
    assert first.learn.files == again.learn.files
    assert first.judge.files == again.judge.files
    assert not set(first.learn.files) & set(other.learn.files)


@both
def test_what_judges_was_not_learned_from(draw: Draw, labels: tuple[str, ...]) -> None:
    sets = drawn(draw, labels, learn=20, judge=20, seed=0)
    assert not set(sets.learn.files) & set(sets.judge.files)
    assert np.bincount(sets.judge.truth).tolist() == [2] * 10
    assert sets.synthetic


@both
def test_a_larger_held_out_set_starts_with_the_smaller(draw: Draw, labels: tuple[str, ...]) -> None:
    few, many = (drawn(draw, labels, learn=rows, judge=10, seed=0) for rows in (5, 15))
    assert few.judge.files == many.judge.files


@both
def test_pictures_are_jpegs_of_the_size_asked_for(
    draw: Callable[..., bytes], labels: tuple[str, ...]
) -> None:
    for label in labels:
        image = Image.open(io.BytesIO(draw(np.random.default_rng(0), label, (90, 70))))
        assert (image.format, image.size) == ("JPEG", (90, 70))


@both
def test_kinds_differ_in_the_same_pose(draw: Draw, labels: tuple[str, ...]) -> None:
    pictures = {draw(np.random.default_rng(7), label) for label in labels}
    assert len(pictures) == len(labels)


def test_sentences_come_from_the_seed() -> None:
    assert phrases.drawn(40, 1, wide=40) == phrases.drawn(40, 1, wide=40)
    assert phrases.drawn(40, 1)[0] != phrases.drawn(40, 2)[0]


def test_no_held_out_sentence_is_learned_from() -> None:
    learned = {text.lower().strip(".! ") for text in phrases.drawn(4000, 0, wide=4000)[0]}
    learned |= {text.lower().strip(".! ") for text in read_csv(SENTIMENT / "learn.csv").texts}
    judged = read_csv(SENTIMENT / "held_out.csv")
    assert not learned & {text.lower().strip(".! ") for text in judged.texts}
    assert np.bincount(judged.truth).tolist() == [50, 50]


def test_lexicon_words_have_one_meaning() -> None:
    for lists in (lexicon.ADJECTIVES, lexicon.VERBS, lexicon.NOUNS):
        positive, negative = (
            set(lexicon.words(lists, label)) for label in ("positive", "negative")
        )
        assert not positive & negative
