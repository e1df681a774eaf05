"""Edited manifests: read again once they have come to rest."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from watchfiles import awatch

from trellis.local.manifests import manifest_files

#: Files are at rest when two looks this far apart find the same bytes.
_REST_SECONDS = 0.25
#: The kernel's events make it quick; looking now and then as well makes it sure, for a change
#: before the watch stood, and for file systems that tell nothing.
_LOOK_MILLISECONDS = 2000
#: A service that is gone must stay gone this long: many editors empty a file, or take it away,
#: before they write it.
GONE_SECONDS = 2.0


async def edits(paths: Sequence[Path]) -> AsyncIterator[None]:
    """Yields after each change of the files and folders of ``paths``, when their bytes rest.

    Yields too where they cannot be read (any more): whoever reads them says why. Runs until
    cancelled.
    """
    folders = {path if path.is_dir() else path.parent for path in paths}
    before = contents(paths)
    async for _ in awatch(
        *folders,
        recursive=False,
        debounce=200,
        step=50,
        rust_timeout=_LOOK_MILLISECONDS,
        yield_on_timeout=True,
    ):
        if contents(paths) == before:
            continue
        now = await at_rest(paths)
        if now != before:
            before = now
            yield


async def at_rest(paths: Sequence[Path]) -> dict[Path, bytes] | None:
    """The bytes of all manifests, once two looks in a row are equal."""
    before = contents(paths)
    while True:
        await asyncio.sleep(_REST_SECONDS)
        now = contents(paths)
        if now == before:
            return now
        before = now


def contents(paths: Sequence[Path]) -> dict[Path, bytes] | None:
    """The bytes of all manifests by file; None where one cannot be read."""
    try:
        return {file: file.read_bytes() for file in manifest_files(list(paths))}
    except OSError:
        return None
