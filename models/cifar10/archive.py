"""CIFAR-10's official python archive, read without running code from it.

The archive holds pickles. A pickle may name any function of any module to be called, so this
reader resolves four names only, those of plain arrays and bytes, and refuses all others.
"""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures import Pictures, Sets

_LEARN = tuple(f"data_batch_{number}" for number in range(1, 6))
_JUDGE = ("test_batch",)


class ArchiveError(ValueError):
    """Not the archive that it should be; the message says what is missing or forbidden."""


class _ArraysOnly(pickle.Unpickler):
    """Reads numbers, strings, lists, dictionaries and numpy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """The names that arrays and bytes are made of, in the spelling of any numpy version."""
        wanted = (module.replace("numpy._core", "numpy.core"), name)
        if wanted == ("numpy.core.multiarray", "_reconstruct"):
            return _empty_array
        if wanted == ("_codecs", "encode"):
            return _encoded
        if wanted == ("numpy", "ndarray"):
            return np.ndarray
        if wanted == ("numpy", "dtype"):
            return np.dtype
        raise ArchiveError(
            f"the archive asks for {module}.{name}, which no CIFAR-10 batch needs: refused"
        )


def _empty_array(kind: type, shape: tuple[int, ...], dtype: bytes) -> NDArray[Any]:
    """What numpy's own reconstruction does, for plain arrays alone."""
    if kind is not np.ndarray:
        raise ArchiveError(f"the archive asks for an array of kind {kind!r}: refused")
    return np.ndarray(shape, np.dtype(dtype.decode("ascii")))


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes, as Python 3 writes them for Python 2 to read."""
    if encoding != "latin1":
        raise ArchiveError(f"the archive asks for the codec {encoding!r}: refused")
    return text.encode("latin1")


def load(path: Path) -> Sets:
    """``cifar-10-python.tar.gz`` or the folder in it; its own test batch is held out.

    Raises ``ArchiveError``.
    """
    return Sets(_pictures(path, _LEARN), _pictures(path, _JUDGE), synthetic=False)


def _pictures(path: Path, batches: tuple[str, ...]) -> Pictures:
    files: list[bytes] = []
    truth: list[int] = []
    for name in batches:
        rows, labels = read_batch(_bytes_of(path, name), name)
        files += [_png(row) for row in rows]
        truth += labels
    return Pictures(files, np.array(truth, dtype=np.intp))


def _bytes_of(path: Path, name: str) -> bytes:
    if path.is_dir():
        found = sorted(path.rglob(name))
        if not found:
            raise ArchiveError(f"{path.name} holds no {name}")
        return found[0].read_bytes()
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).name == name:
                file = archive.extractfile(member)
                if file is not None:
                    return file.read()
    raise ArchiveError(f"{path.name} holds no {name}")


def read_batch(pickled: bytes, name: str) -> tuple[NDArray[np.uint8], list[int]]:
    """One batch: uint8 [n, 32, 32, 3] and n labels. Raises ``ArchiveError``."""
    try:
        batch = _ArraysOnly(io.BytesIO(pickled), encoding="bytes").load()
        rows = np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
        labels = [int(label) for label in batch[b"labels"]]
    except ArchiveError:
        raise
    except Exception as error:  # a broken pickle raises anything
        raise ArchiveError(
            f"{name} is no CIFAR-10 batch: {type(error).__name__}: {error}"
        ) from error
    if len(labels) != len(rows) or not all(0 <= label < 10 for label in labels):
        raise ArchiveError(
            f"{name}: {len(rows)} pictures and {len(labels)} labels, which must be 0 to 9"
        )
    return np.ascontiguousarray(rows.transpose(0, 2, 3, 1)), labels


def _png(row: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(row).save(file, "PNG", compress_level=1)
    return file.getvalue()
