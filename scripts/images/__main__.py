"""`python -m scripts.images`: builds the images, checks each one, prints their sizes."""

import argparse
import os
import sys

from rich.console import Console

from scripts.cluster.errors import ClusterError
from scripts.cluster.preflight import engine
from scripts.cluster.progress import Progress
from scripts.cluster.settings import from_environment
from scripts.images import sizes
from scripts.images.base import base_image
from scripts.images.build import build
from scripts.images.check import CheckFailed, check
from scripts.images.docker import DockerError
from scripts.images.sizes import Measured
from scripts.images.targets import TARGETS, Target, named


def main(arguments: list[str]) -> int:
    """The exit code; what went wrong is on standard error."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        targets = named(chosen.names)
    except ValueError as error:
        parser.error(str(error))
    errors = Console(stderr=True)
    try:
        return _run(targets, chosen.base, chosen.document, Progress(Console()), errors)
    except (ClusterError, DockerError, CheckFailed) as error:
        _tell(errors, str(error))
        return 1


def _run(
    targets: list[Target], base: str | None, document: bool, progress: Progress, errors: Console
) -> int:
    settings, found = from_environment(os.environ), engine()
    if base is None:
        with progress.step("Base image") as say:
            base = base_image(settings, found, say)
    for target in targets:
        with progress.step(f"Build of {target.image}"):
            build(target, base)
    measured = []
    for target in targets:
        with progress.step(f"Check of {target.image}") as say:
            say("its own health check, and an answer")
            seconds = check(target)
        measured.append(Measured(target, sizes.size(target), seconds))
    print("\n" + sizes.table(measured))
    if document:
        sizes.document(measured)
    problem = sizes.too_large(measured)
    if problem is not None:
        _tell(errors, problem)
    return 0 if problem is None else 1


def _tell(errors: Console, text: str) -> None:
    errors.print(text, style="red", highlight=False, markup=False, soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.images", description=__doc__)
    defaults = ", ".join(target.name for target in TARGETS if target.by_default)
    others = ", ".join(target.name for target in TARGETS if not target.by_default)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to build (default: {defaults}; also: {others})",
    )
    parser.add_argument(
        "--base", help="base image (default: the official Python one, or one built here)"
    )
    parser.add_argument("--document", action="store_true", help="write the table to docs/images.md")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
