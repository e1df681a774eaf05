"""Programs of this checkout that a person would call: `trellis`, and helm for the cluster."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.program import Program
from scripts.cluster.settings import Settings
from tests.e2e.support.services import REPOSITORY


@dataclass(frozen=True)
class Ended:
    """How a program ended and all that it wrote."""

    code: int
    said: str


def trellis(*arguments: object, text: str = "") -> Ended:
    """Run the `trellis` command of this checkout; ``text`` goes to its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "trellis.cli", *map(str, arguments)],
        cwd=REPOSITORY,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def helm(settings: Settings) -> Program:
    """Helm for the cluster under test and no other."""
    return Program(settings.tools / "helm", "--kubeconfig", str(settings.kubeconfig))


def chart(name: str) -> Path:
    """The folder of one of the charts."""
    return REPOSITORY / "charts" / name
