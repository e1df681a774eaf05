"""Downloads, from a server of our own: the releases' addresses are `test_releases.py`'s."""

import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.cluster import pulled
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address that serves it."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_is_downloaded_once(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    (folder / "core.yaml").write_text("kind: List")
    said: list[str] = []
    for _ in range(2):
        path = pulled._cached(tmp_path / "pulled", f"{address}/core.yaml", said.append)
        assert path.read_text() == "kind: List"
    assert said == [f"the download of {address}/core.yaml"]


def test_what_cannot_be_downloaded_is_named_and_leaves_nothing(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    url = f"{site[1]}/missing.yaml"
    with pytest.raises(
        ClusterError, match=r"missing\.yaml could not be downloaded: HTTP Error 404"
    ):
        pulled._cached(tmp_path / "pulled", url, lambda _: None)
    assert not (tmp_path / "pulled").exists()


def test_a_program_is_linked_by_its_plain_name_and_runs(tmp_path: Path) -> None:
    script = b"#!/bin/sh\necho helm answers\n"
    archive = tmp_path / "helm-v3-linux.tar.gz"
    with tarfile.open(archive, "w:gz") as bundle:
        member = tarfile.TarInfo("linux/helm")
        member.size = len(script)
        bundle.addfile(member, io.BytesIO(script))
    link = tmp_path / "tools" / "helm"
    for _ in range(2):  # again, over the link that is there
        pulled._program(link, archive)
    assert link.is_symlink()
    assert Program(link)() == "helm answers\n"


def test_a_bare_program_is_linked_as_it_is(tmp_path: Path) -> None:
    download = tmp_path / "kind-linux-amd64"
    download.write_bytes(b"#!/bin/sh\necho kind answers\n")
    pulled._program(tmp_path / "tools" / "kind", download)
    assert Program(tmp_path / "tools" / "kind")() == "kind answers\n"
