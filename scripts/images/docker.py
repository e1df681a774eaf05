"""Calls of the ``docker`` program."""

import shutil
import subprocess


class DockerError(Exception):
    """A call failed; the text says which, and what docker wrote."""


def docker(*arguments: str, stdin: bytes | None = None) -> str:
    """Run ``docker ARGUMENTS`` and return its standard output.

    Raises ``DockerError`` where there is no such program or it fails.
    """
    return _run(arguments, stdin).stdout.decode(errors="replace")


def has_image(name: str) -> bool:
    """Whether the engine holds an image of this name; raises ``DockerError``."""
    return bool(image_id(name))


def image_id(name: str) -> str:
    """What identifies the image of this name; empty where there is none. Raises ``DockerError``."""
    return docker("image", "ls", "--quiet", "--no-trunc", name).strip()


def logs(container: str) -> str:
    """What a container wrote on both of its outputs; raises ``DockerError``."""
    done = _run(("logs", container), None)
    return (done.stdout + done.stderr).decode(errors="replace")


def _run(arguments: tuple[str, ...], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("docker")
    if program is None:
        raise DockerError("there is no docker program: `sh scripts/cluster/engine.sh` installs one")
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise DockerError(f"docker {' '.join(arguments[:2])} failed: {said[-4000:]}")
    return done
