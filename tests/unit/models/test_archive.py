import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.cifar10.archive import ArchiveError, load, read_batch

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
LABELS = [3, 0, 9, 3]


def batch(**changes: Any) -> bytes:
    content = {
        b"batch_label": b"a batch",
        b"labels": LABELS,
        b"data": PIXELS,
        b"filenames": [b"a.png"] * 4,
    }
    return pickle.dumps(
        {**content, **{key.encode(): value for key, value in changes.items()}}, protocol=2
    )


def test_a_batch_is_read() -> None:
    rows, labels = read_batch(batch(), "data_batch_1")
    assert rows.shape == (4, 32, 32, 3)
    assert labels == LABELS
    np.testing.assert_array_equal(rows[0, :, :, 1].ravel(), PIXELS[0, 1024:2048])


def test_a_batch_written_by_python_2_is_read() -> None:
    """As the official archive has it: strings are bytes, names are those of an old numpy."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x04M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + PIXELS.nbytes.to_bytes(4, "little") + PIXELS.tobytes() + b"tb"
    )
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in LABELS) + b"e"
    pickled = b"\x80\x02}(U\x06labels" + labels + b"U\x04data" + array + b"u."
    rows, read = read_batch(pickled, "data_batch_1")
    assert read == LABELS
    np.testing.assert_array_equal(rows[3, :, :, 0].ravel(), PIXELS[3, :1024])


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_every_protocol_is_read(protocol: int) -> None:
    content = {b"labels": LABELS, b"data": PIXELS}
    assert read_batch(pickle.dumps(content, protocol=protocol), "x")[1] == LABELS


def test_old_numpy_names_are_known() -> None:
    old = batch().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert read_batch(old, "x")[1] == LABELS


def test_code_is_refused_and_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (ran,)

    with pytest.raises(ArchiveError, match="no CIFAR-10 batch needs: refused"):
        read_batch(batch(data=Evil()), "data_batch_1")
    assert not ran.exists()


@pytest.mark.parametrize(
    "call", [b"cbuiltins\neval\n(V1+1\ntR.", b"cos\nsystem\n(Vtrue\ntR.", b"cnumpy\nload\n(Vx\ntR."]
)
def test_any_other_name_is_refused(call: bytes) -> None:
    with pytest.raises(ArchiveError, match="refused"):
        read_batch(call, "data_batch_1")


@pytest.mark.parametrize(
    ("pickled", "says"),
    [
        (b"not a pickle", "data_batch_1 is no CIFAR-10 batch"),
        (batch(labels=[1, 2]), "4 pictures and 2 labels"),
        (batch(labels=[1, 2, 3, 10]), "labels, which must be 0 to 9"),
        (batch(data=PIXELS[:, :100]), "is no CIFAR-10 batch"),
        (pickle.dumps([1, 2, 3]), "is no CIFAR-10 batch"),
    ],
    ids=["no pickle", "few labels", "label 10", "small pictures", "a list"],
)
def test_what_is_no_batch_is_refused(pickled: bytes, says: str) -> None:
    with pytest.raises(ArchiveError, match=says):
        read_batch(pickled, "data_batch_1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "cifar-10-batches-py"
    inner.mkdir()
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (inner / name).write_bytes(batch())
    return inner


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_the_whole_archive_is_read(packed: bool, folder: Path, tmp_path: Path) -> None:
    path = folder
    if packed:
        path = tmp_path / "cifar-10-python.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder, folder.name)
    sets = load(path)
    assert (len(sets.learn.files), len(sets.judge.files), sets.synthetic) == (20, 4, False)
    first = np.asarray(Image.open(io.BytesIO(sets.judge.files[0])))
    np.testing.assert_array_equal(first[:, :, 2].ravel(), PIXELS[0, 2048:])


def test_a_missing_batch_is_named(folder: Path) -> None:
    (folder / "data_batch_4").unlink()
    with pytest.raises(ArchiveError, match="holds no data_batch_4"):
        load(folder)
