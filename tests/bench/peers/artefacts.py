"""The same artefacts that Trellis serves, opened as a user of the framework would."""

import os
from pathlib import Path
from typing import Any

from predictors.image import ImagePreprocessing
from predictors.text import Vocabulary
from trellis.serving.version_folder import VersionFolder

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def name(folder: Path) -> str:
    """The model's name."""
    return VersionFolder.open(folder).yaml.name


def preprocessing(folder: Path) -> ImagePreprocessing:
    """What lies between a picture and the network."""
    return ImagePreprocessing.model_validate(VersionFolder.open(folder).yaml.preprocessing)


def estimator(folder: Path) -> Any:
    """The scikit-learn object of ``model.skops``."""
    from trellis.serving.engines.sklearn import load_checked

    return load_checked(folder / "model.skops")


def text_pipeline(folder: Path) -> Any:
    """Sentences to probabilities, with scikit-learn's own tokeniser on the same vocabulary."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    terms = Vocabulary.read(folder / Vocabulary.FILE).terms
    pairs = any(" " in term for term in terms)
    counter = CountVectorizer(vocabulary=terms, ngram_range=(1, 2) if pairs else (1, 1))
    return make_pipeline(counter, estimator(folder))


def network(folder: Path) -> Any:
    """The Keras model of ``model.keras``."""
    import keras

    return keras.saving.load_model(folder / "model.keras", compile=False)
