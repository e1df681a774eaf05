"""Classify sentences by their words and pairs of neighbouring words."""

import re
from collections.abc import Iterable
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

    def counts(self, sentences: Iterable[str]) -> NDArray[np.float32]:
        """How often each term comes in each sentence: float32 [sentences, terms]."""
        width = len(self.terms)
        column_of = self._column.get
        rows = []
        for sentence in sentences:
            columns = [column_of(term) for term in terms_of(sentence, pairs=self._pairs)]
            known = [column for column in columns if column is not None]
            rows.append(np.bincount(np.array(known, dtype=np.intp), minlength=width))
        return np.array(rows, dtype=np.float32).reshape(len(rows), width)


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

    def decode(self, inputs: Tensors) -> Tensors:
        """Sentences to counts, float32 [n, terms]; raises ``BadRequest``, ``TooLarge``."""
        ((name, sentences),) = inputs.items()
        return {
            name: self.vocabulary.counts(_text(name, row, raw) for row, raw in enumerate(sentences))
        }


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
