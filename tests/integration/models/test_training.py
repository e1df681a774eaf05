"""Training on a small scale: the same seed gives the same metrics."""

import dataclasses
from pathlib import Path

import pytest

from models.diabetes import train as diabetes
from models.sentiment import train as sentiment
from trellis.contracts.model_yaml import ModelYaml
from trellis.serving.version_folder import VersionFolder

# TensorFlow and Keras warn of their own and of numpy's old names while they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def same(one: ModelYaml, other: ModelYaml) -> bool:
    """Whether everything measured is equal, to the last digit."""
    return (one.metrics, one.reference, one.examples) == (
        other.metrics,
        other.reference,
        other.examples,
    )


@pytest.mark.parametrize("name", ["tomato", "cifar10"])
def test_a_network_comes_from_its_seed(name: str, tmp_path: Path) -> None:
    from models.cifar10 import train as cifar10
    from models.tomato import train as tomato

    module = {"tomato": tomato, "cifar10": cifar10}[name]
    recipe = dataclasses.replace(module.RECIPES["v2"], filters=(4, 4, 4), rows=64, epochs=2)
    first, again, other = (
        module.train("v2", tmp_path / str(run), seed=seed, recipe=recipe, held_out=20)
        for run, seed in enumerate((5, 5, 6))
    )
    assert same(first, again)
    assert not same(first, other)
    VersionFolder.open(tmp_path / "0")


def test_sentiment_comes_from_its_seed(tmp_path: Path) -> None:
    recipe = dataclasses.replace(sentiment.RECIPES["v2"], rows=200, wide=100)
    first, again, other = (
        sentiment.train("v2", tmp_path / str(run), seed=seed, recipe=recipe)
        for run, seed in enumerate((5, 5, 6))
    )
    assert same(first, again)
    assert not same(first, other)


def test_diabetes_comes_from_its_seed(tmp_path: Path) -> None:
    first, again, other = (
        diabetes.train("v2", tmp_path / str(run), seed=seed, repeats=1)
        for run, seed in enumerate((5, 5, 6))
    )
    assert same(first, again)
    assert not same(first, other)
