from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from predictors.text import TextClassifier, Vocabulary, terms_of
from trellis.serving.errors import BadRequest, TooLarge
from trellis.serving.types import bytes_array
from trellis.serving.version_folder import VersionFolder

SENTIMENT = Path(__file__).parents[3] / "models" / "sentiment"

words = st.sampled_from(
    [
        "not",
        "good",
        "a",
        "Ünïcode",
        "x1",
        "_snake_",
        "don't",
        "\uff26\uff35ll",
        "日本語",
        "İ",
        "naïve",
        "12",
        "e\u0301te",
        "ß",
        "ǅ",
    ]
)
sentences = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(words, st.text(max_size=6)), max_size=12).map(" ".join),
)


@given(st.lists(sentences, min_size=1, max_size=6), st.booleans())
def test_terms_are_those_of_scikit_learn(texts: list[str], pairs: bool) -> None:
    analyse = CountVectorizer(ngram_range=(1, 2 if pairs else 1)).build_analyzer()
    for text in texts:
        assert terms_of(text, pairs=pairs) == analyse(text)


@given(
    st.lists(sentences, min_size=1, max_size=6),
    st.lists(sentences, min_size=1, max_size=6),
    st.booleans(),
)
def test_counts_are_those_of_scikit_learn(
    learned: list[str], asked: list[str], pairs: bool
) -> None:
    vocabulary = Vocabulary.of([*learned, "so that there is a term"], pairs=pairs, min_count=1)
    vectorizer = CountVectorizer(
        ngram_range=(1, 2 if pairs else 1), vocabulary=list(vocabulary.terms)
    )
    counts = vocabulary.counts([vocabulary.columns(sentence) for sentence in asked])
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, vectorizer.transform(asked).toarray())


@given(st.lists(sentences, min_size=1, max_size=6))
def test_vocabulary_is_that_of_scikit_learn(learned: list[str]) -> None:
    learned = [*learned, "two words", "two words"]
    fitted = CountVectorizer(ngram_range=(1, 2), min_df=2).fit(learned)
    assert Vocabulary.of(learned, pairs=True, min_count=2).terms == tuple(
        fitted.get_feature_names_out()
    )


def test_vocabulary_is_read_as_it_was_written(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(["Grüße aus Köln", "日本語 の 文"], pairs=True, min_count=1)
    vocabulary.write(tmp_path / Vocabulary.FILE)
    assert Vocabulary.read(tmp_path / Vocabulary.FILE).terms == vocabulary.terms


def test_no_sentences_give_no_rows() -> None:
    assert Vocabulary(["one", "two"]).counts([]).shape == (0, 2)


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    predictor = TextClassifier(VersionFolder.open(SENTIMENT / "v2"))
    predictor.load()
    return predictor


def test_sentences_are_classified(classifier: TextClassifier) -> None:
    asked = bytes_array([b"It was wonderful and I love it", b"It was terrible, a waste of money"])
    outputs = classifier.encode(classifier.predict(classifier.decode({"text": asked})))
    assert outputs["label"].tolist() == [b"positive", b"negative"]
    assert list(outputs) == ["probabilities", "label", "confidence"]
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "sentence",
    ["", "   ", "x", "日本語", "word " * 20_000],
    ids=["empty", "blank", "letter", "kanji", "long"],
)
def test_any_text_gets_an_answer(classifier: TextClassifier, sentence: str) -> None:
    outputs = classifier.predict(classifier.decode({"text": bytes_array([sentence.encode()])}))
    (probabilities,) = outputs.values()
    assert np.isfinite(probabilities).all()


def test_bytes_that_are_no_text_are_refused(classifier: TextClassifier) -> None:
    with pytest.raises(BadRequest, match=r"input 'text', element 1: byte 2 is not UTF-8 text"):
        classifier.decode({"text": bytes_array([b"fine", b"no\xff"])})


def test_a_text_that_would_hold_everybody_up_is_too_large() -> None:
    predictor = TextClassifier(VersionFolder.open(SENTIMENT / "v2"))
    predictor.load()
    with pytest.raises(TooLarge, match="element 1: a text of 100001 bytes, at most 100000"):
        predictor.decode({"text": bytes_array([b"short", b"a" * 100_001])})
