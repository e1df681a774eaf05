"""Sets of labelled pictures: drawn from a seed, or read from a folder a label."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from models.splits import stratified
from predictors.image import ImagePreprocessing
from trellis.serving.errors import ServingError

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True)
class Pictures:
    """``files``: JPEG, PNG or WebP as a client would send them; ``truth``: label index a file."""

    files: list[bytes]
    truth: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> "Pictures":
        """These rows, in this order."""
        return Pictures([self.files[row] for row in rows], self.truth[rows])

    def pixels(self, preprocessing: ImagePreprocessing) -> NDArray[np.uint8]:
        """Decoded by the code that serves: uint8 [n, height, width, 3]."""
        return np.stack([preprocessing.pixels(file) for file in self.files])


@dataclass(frozen=True)
class Sets:
    """What is learned from, what is judged by, and whether it was drawn."""

    learn: Pictures
    judge: Pictures
    synthetic: bool


def drawn(
    draw: Callable[[np.random.Generator, str], bytes],
    labels: Sequence[str],
    *,
    learn: int,
    judge: int,
    seed: int,
) -> Sets:
    """Pictures from ``draw``, the labels in turn; both sets have streams of numbers of their own."""
    parts = []
    for stream, count in enumerate((learn, judge)):
        rng = np.random.default_rng([seed, stream])
        truth = np.arange(count, dtype=np.intp) % len(labels)
        rows = track(truth.tolist(), description="drawing", transient=True)
        parts.append(Pictures([draw(rng, labels[label]) for label in rows], truth))
    return Sets(parts[0], parts[1], synthetic=True)


def from_folder(
    folder: Path, names: Mapping[str, int], *, held_out_share: float, seed: int
) -> Sets:
    """A folder a label, as image data sets usually come; broken pictures are left out.

    ``names`` maps a folder's plain name (``plain``) to the label's index; other folders are
    left out. Raises ``ValueError`` where a label has no folder.
    """
    files: list[bytes] = []
    truth: list[int] = []
    probe = ImagePreprocessing(width=8, height=8)
    for part in sorted(
        path for path in folder.iterdir() if path.is_dir() and plain(path.name) in names
    ):
        pictures = sorted(path for path in part.rglob("*") if path.suffix.lower() in _SUFFIXES)
        for picture in track(pictures, description=part.name, transient=True):
            data = picture.read_bytes()
            try:
                probe.pixels(data)
            except ServingError:
                continue
            files.append(data)
            truth.append(names[plain(part.name)])
    missing = set(names.values()) - set(truth)
    if missing:
        wanted = sorted(name for name, index in names.items() if index in missing)
        raise ValueError(
            f"{folder}: no pictures for {len(missing)} labels; looked for folders like {wanted}"
        )
    everything = Pictures(files, np.array(truth, dtype=np.intp))
    learn, judge = stratified(everything.truth, held_out_share, seed)
    return Sets(everything.take(learn), everything.take(judge), synthetic=False)


def plain(name: str) -> str:
    """A folder's name in lower-case letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
