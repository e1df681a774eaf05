"""The folder of built parts: where each part lies, how it gets there whole, how much room it needs."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.locked_file import locked_file
from scripts.cluster.offline.errors import BuildError

# Go's caches at their largest (GO_BYTES and what one more module adds), and the parts themselves.
FREE_BYTES = 15 * 10**9
# Modules share little but the standard library: beyond this, dropping costs less than it frees.
GO_BYTES = 5 * 10**9


@dataclass(frozen=True)
class Cache:
    """Paths below `root`. A path that exists is whole: see `written`."""

    root: Path

    def program(self, name: str, version: str) -> Path:
        """A static program."""
        return self.root / "bin" / f"{name}-{version}"

    def image(self, name: str, version: str, recipe: str) -> Path:
        """An image archive; `recipe` stands for all that it is made of besides its version."""
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:8]
        return self.root / "images" / f"{name}-{version}-{digest}.tar"

    def drop_older(self, archive: Path) -> None:
        """Remove the archives of the same name and version that were made by other recipes."""
        for other in archive.parent.glob(f"{archive.stem.rpartition('-')[0]}-????????.tar"):
            if other != archive:
                other.unlink()

    def manifests(self, component: str, version: str) -> Path:
        """The folder of a component's manifests."""
        return self.root / "manifests" / f"{component}-{version}"

    @property
    def tools(self) -> Path:
        """The folder of the programs that people and scripts call, by plain names."""
        return self.root / "tools"

    @property
    def go_build(self) -> Path:
        """Go's build cache."""
        return self.root / "go" / "build"

    @property
    def go_modules(self) -> Path:
        """Go's module cache."""
        return self.root / "go" / "mod"

    def drop_go(self, beyond: int = 0) -> None:
        """Remove Go's caches where they hold more bytes than `beyond`; no built part needs them."""
        if _size(self.root / "go") > beyond:
            shutil.rmtree(self.root / "go")

    def remove(self) -> None:
        """Remove the whole folder."""
        shutil.rmtree(self.root, ignore_errors=True)

    def require_room(self, needed: int = FREE_BYTES) -> None:
        """Refuse to start what would fill the disk.

        :raises BuildError: where fewer than `needed` bytes are free.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        # What Go has fetched already counts as room: it is part of the need.
        free = shutil.disk_usage(self.root).free + _size(self.root / "go")
        if free < needed:
            raise BuildError(
                f"building needs {needed / 1e9:.0f} GB of disk and {self.root} has {free / 1e9:.1f} GB: "
                "free some, or set TRELLIS_CLUSTER_CACHE to a folder on a larger disk"
            )

    @contextmanager
    def locked(self, say: Callable[[str], None]) -> Iterator[None]:
        """Hold the folder alone; a second build waits and says for whom."""
        with locked_file(
            self.root / "lock",
            lambda holder: say(f"waiting for the build of process {holder} in {self.root}"),
        ):
            yield


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path beside `path` to write a file or a folder to, renamed to `path` when the block ends well.

    What a killed build left there is removed first, and what the block leaves when it raises.
    """
    aside = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(aside)
    try:
        yield aside
        aside.rename(path)
    finally:
        _remove(aside)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """An empty folder, `path` with this process's id, removed when the block ends.

    Those of killed builds are removed first. A command of such a build may still be running, and
    writes nowhere then: its folder is never this one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}-*"):
        _remove(left)
    own = path.with_name(f"{path.name}-{os.getpid()}")
    own.mkdir()
    try:
        yield own
    finally:
        _remove(own)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(folder: Path) -> int:
    return sum(
        Path(base, name).lstat().st_size for base, _, names in os.walk(folder) for name in names
    )
