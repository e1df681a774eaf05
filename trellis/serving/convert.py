"""``trellis models convert``: a joblib or pickle file to skops, in a process of its own.

Loading such a file runs whatever code it holds. That happens once, here, at a person's word and
in a child process; the server never does it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trellis.serving.engines import EngineError, open_engine

_PICKLES = (".joblib", ".pkl", ".pickle", ".sav")
_CHILD = "--in-this-process"


class ConvertError(Exception):
    """The file cannot be converted; the message says why."""


def convert(old: Path, new: Path) -> None:
    """Write the estimator in ``old`` to ``new`` and check that the server would load it.

    Raises ``ConvertError``; ``new`` is written whole or not at all.
    """
    if old.suffix not in _PICKLES:
        raise ConvertError(f"{old.name}: expected a file ending in {', '.join(_PICKLES)}")
    if new.suffix != ".skops":
        raise ConvertError(f"{new.name}: the new file's name must end in .skops")
    if not old.is_file():
        raise ConvertError(f"{old}: no such file")
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=new.parent) as folder:
        made = Path(folder) / new.name
        child = subprocess.run(  # noqa: S603 - this very module, with two paths
            [sys.executable, "-m", __spec__.name, _CHILD, str(old.resolve()), str(made.resolve())],
            check=False,
            capture_output=True,
            text=True,
        )
        if child.returncode != 0 or not made.is_file():
            lines = child.stderr.strip().splitlines()
            raise ConvertError(
                f"{old.name} cannot be read: {lines[-1] if lines else 'the process ended'}"
            )
        try:
            open_engine("sklearn", made, threads=1)
        except EngineError as error:
            raise ConvertError(str(error)) from error
        made.replace(new)


def _in_this_process(old: str, new: str) -> None:
    """What the child does: run the file's code, then write what it left."""
    import zipfile

    import joblib
    import skops.io

    skops.io.dump(joblib.load(old), new, compression=zipfile.ZIP_DEFLATED)


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one file; returns the exit status, 2 for what a person must change."""
    parser = argparse.ArgumentParser(
        prog="trellis models convert",
        description="Convert a joblib or pickle file to skops. THIS RUNS THE CODE IN THE FILE.",
    )
    parser.add_argument("old", type=Path, help=f"the file to read: {', '.join(_PICKLES)}")
    parser.add_argument("new", type=Path, help="the file to write: .skops")
    given = parser.parse_args(argv)
    sys.stderr.write(
        f"WARNING: reading {given.old.name} RUNS THE CODE IN THAT FILE, with all the rights that you have "
        f"(user {os.getuid()}). Convert only files whose maker you trust.\n"
    )
    try:
        convert(given.old, given.new)
    except (ConvertError, OSError) as error:
        sys.stderr.write(f"trellis models convert: {error}\n")
        return 2
    sys.stdout.write(
        f"{given.new} is written; publish it with: trellis models publish DESCRIPTION.yaml --artefact {given.new} …\n"
    )
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == [_CHILD]:
        _in_this_process(*sys.argv[2:4])
    else:
        sys.exit(main())
