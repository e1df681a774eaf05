"""Containerd's store of images, filled ahead: a node starts without loading any."""

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import run

START_SECONDS = 30


def fill_store(
    folder: Path, programs: Mapping[str, Path], archives: Iterable[Path], layer: Path
) -> None:
    """Write a layer with `/var/lib/containerd`, in it the images of the archives.

    `folder` is scratch; of the programs, `containerd` and `ctr` are run, as root.

    :raises BuildError: where containerd does not start or does not take an archive.
    """
    root = folder / "root"
    with _containerd(folder, programs, root / "var/lib/containerd") as client:
        for archive in archives:
            run(*client, "images", "import", "--no-unpack", archive)
    run("tar", "--numeric-owner", "-C", root, "-cf", layer, "var")


@contextmanager
def _containerd(
    folder: Path, programs: Mapping[str, Path], store: Path
) -> Iterator[list[str | Path]]:
    """A daemon on this store while the block runs; yields the command that speaks to it."""
    store.mkdir(parents=True)
    socket, config, log = (folder / f"containerd.{end}" for end in ("sock", "toml", "log"))
    config.write_text("version = 3\n")
    client: list[str | Path] = [programs["ctr"], "--address", socket, "--namespace", "k8s.io"]
    with log.open("w") as said:
        daemon = subprocess.Popen(
            [  # noqa: S607 - see process.run, which waits for what it starts
                "setpriv", "--pdeathsig", "TERM",
                programs["containerd"], "--config", config, "--root", store,
                "--state", folder / "state", "--address", socket,
            ],
            stdout=said, stderr=said,
        )  # fmt: skip
    try:
        _await(client, daemon, log)
        yield client
    finally:
        daemon.terminate()
        daemon.wait()


def _await(client: list[str | Path], daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            run(*client, "version")
            return
        except BuildError:
            if daemon.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(log.read_text().splitlines()[-5:])
                raise BuildError(
                    f"containerd, which fills the node's store, did not start:\n{last}"
                ) from None
            time.sleep(0.2)
