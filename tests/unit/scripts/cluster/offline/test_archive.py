import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster.offline.archive import Config, write_archive, write_layer


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    return path


def contents(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def written(
    path: Path, layers: list[Path]
) -> tuple[dict[str, Any], dict[str, bytes], dict[str, Any]]:
    """The list's entry, all files, the configuration."""
    write_archive(
        path, "trellis/some:1", layers, Config(entrypoint=("/some",), environment={"A": "b"})
    )
    files = contents(path)
    (entry,) = json.loads(files["manifest.json"])
    return entry, files, json.loads(files[entry["Config"]])


def test_a_layer_has_every_folder_once_before_what_it_holds(tmp_path: Path, program: Path) -> None:
    layer = tmp_path / "layer.tar"
    write_layer(
        layer,
        {"/usr/bin/a": program, "/usr/lib/b": program},
        {"/etc/c": "text"},
        {"/etc/d": "/dev/null"},
    )
    with tarfile.open(layer) as tar:
        entries = tar.getmembers()
    names = [entry.name for entry in entries]
    assert sorted(names) == [
        "etc",
        "etc/c",
        "etc/d",
        "tmp",
        "usr",
        "usr/bin",
        "usr/bin/a",
        "usr/lib",
        "usr/lib/b",
    ]
    assert all(names.index(str(Path(n).parent)) < names.index(n) for n in names if "/" in n)
    modes = {entry.name: entry.mode for entry in entries}
    assert (modes["tmp"], modes["usr/bin/a"], modes["etc/c"]) == (0o1777, 0o755, 0o644)
    assert {entry.uid for entry in entries} == {0}


def test_an_archive_names_its_layers_by_their_hashes(tmp_path: Path, program: Path) -> None:
    layers = [tmp_path / "one.tar", tmp_path / "two.tar"]
    write_layer(layers[0], {"/one": program})
    write_layer(layers[1], {"/two": program})
    entry, files, config = written(tmp_path / "image.tar", layers)
    found = [f"sha256:{hashlib.sha256(files[name]).hexdigest()}" for name in entry["Layers"]]
    assert config["rootfs"]["diff_ids"] == found
    assert [files[name] for name in entry["Layers"]] == [layer.read_bytes() for layer in layers]
    assert entry["RepoTags"] == ["trellis/some:1"]


def test_an_image_runs_as_a_numbered_user_that_is_not_root(tmp_path: Path, program: Path) -> None:
    write_layer(tmp_path / "one.tar", {"/some": program})
    _, _, config = written(tmp_path / "image.tar", [tmp_path / "one.tar"])
    user, _, group = config["config"]["User"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert config["config"]["Env"] == ["A=b"]


def test_equal_parts_give_equal_bytes(tmp_path: Path, program: Path) -> None:
    for name in ("first", "second"):
        write_layer(tmp_path / f"{name}-layer.tar", {"/some": program}, {"/etc/text": name[:0]})
        written(tmp_path / f"{name}.tar", [tmp_path / f"{name}-layer.tar"])
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()
