"""Classify sentences by their words and pairs of neighbouring words."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trellis.serving.classifier import Classifier
from trellis.serving.errors import BadRequest, TooLarge
from trellis.serving.types import Tensors

#: Two or more word characters of any script: what scikit-learn's CountVectorizer calls a token.
_TOKEN = re.compile(r"\b\w\w+\b")


#: Bytes of one text. Splitting holds the interpreter: a longer one would keep everybody waiting.
_LONGEST = 100_000


class Vocabulary:
    """Terms, each with its column. A term is a word or a pair of words with a space between.

    Tokens are exactly those of ``CountVectorizer(ngram_range=(1, 2))``. An ONNX graph could
    hold a tokeniser too, but splits Unicode words otherwise; a dictionary is also faster.
    """

    FILE = "vocabulary.txt"

    def __init__(self, terms: Iterable[str]) -> None:
        self.terms = tuple(terms)
        self._column = {term: column for column, term in enumerate(self.terms)}
        self._pairs = any(" " in term for term in self.terms)

    @classmethod
    def read(cls, path: Path) -> Self:
        """One term a line; the line's number is the column."""
        return cls(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))

    def write(self, path: Path) -> None:
        """The form that ``read`` reads."""
        path.write_text("\n".join(self.terms) + "\n", encoding="utf-8")

    @classmethod
    def of(cls, sentences: Iterable[str], *, pairs: bool, min_count: int) -> Self:
        """The terms that come in at least ``min_count`` of the sentences, sorted."""
        seen_in: dict[str, int] = {}
        for sentence in sentences:
            for term in set(terms_of(sentence, pairs=pairs)):
                seen_in[term] = seen_in.get(term, 0) + 1
        return cls(sorted(term for term, count in seen_in.items() if count >= min_count))

    def columns(self, sentence: str) -> NDArray[np.intp]:
        """The column of each term of a sentence, as often as it comes: intp [known terms]."""
        column_of = self._column.get
        found = [column_of(term) for term in terms_of(sentence, pairs=self._pairs)]
        return np.array([column for column in found if column is not None], dtype=np.intp)

    def counts(self, rows: Sequence[NDArray[np.intp]]) -> NDArray[np.float32]:
        """How often each term comes in each sentence, by its ``columns``: float32 [rows, terms]."""
        width = len(self.terms)
        counted = np.zeros(len(rows) * width, dtype=np.float32)
        if rows:
            starts = np.repeat(np.arange(len(rows)) * width, [len(row) for row in rows])
            np.add.at(counted, starts + np.concatenate(rows), 1)
        return counted.reshape(len(rows), width)


def terms_of(sentence: str, *, pairs: bool) -> list[str]:
    """The words of a sentence in lower case and, with ``pairs``, each two neighbours."""
    words = _TOKEN.findall(sentence.lower())
    if pairs:
        words += [f"{first} {second}" for first, second in pairwise(words)]
    return words


class TextClassifier(Classifier):
    """One input BYTES [n], UTF-8, to probabilities; ``vocabulary.txt`` lies beside the model."""

    def load(self) -> bool:
        """Open the engine and read the vocabulary; raises ``VersionFolderError`` without one."""
        self.vocabulary = Vocabulary.read(self.folder.file(Vocabulary.FILE))
        return super().load()

    predict_on_loop = True

    def decode(self, inputs: Tensors) -> Tensors:
        """Sentences to the columns of their terms, object [n]; raises ``BadRequest``, ``TooLarge``.

        Counts would be batchable too, and thousands of columns wide for a dozen words.
        """
        ((name, sentences),) = inputs.items()
        rows = np.empty(len(sentences), dtype=object)
        for row, raw in enumerate(sentences):
            rows[row] = self.vocabulary.columns(_text(name, row, raw))
        return {name: rows}

    def predict(self, inputs: Tensors) -> Tensors:
        """Columns, object [n], to the engine's probabilities [n, k]."""
        ((name, rows),) = inputs.items()
        return super().predict({name: self.vocabulary.counts(rows.tolist())})


def _text(name: str, row: int, raw: bytes) -> str:
    if len(raw) > _LONGEST:
        raise TooLarge(
            f"input {name!r}, element {row}: a text of {len(raw)} bytes, at most {_LONGEST} are taken"
        )
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"input {name!r}, element {row}: byte {error.start} is not UTF-8 text"
        ) from error
