"""Builds a target of the Dockerfile."""

import contextlib
import os
import subprocess
from pathlib import Path

from scripts.images.docker import DockerError, docker, image_id
from scripts.images.targets import ROOT, Target

#: What images are made of: the Dockerfile, and what .dockerignore lets through.
SOURCES = ("Dockerfile", "trellis", "predictors", "requirements", "scripts/images")
#: Where programs look for the certificates of a network that has its own.
BUNDLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")

#: Debian's bundle: it holds the certificates that an administrator has added.
OWN_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def build(target: Target, base: str) -> None:
    """Build a target on a base image, under its own name; raises ``DockerError``.

    The image that had the name before goes, unless a container still runs from it.
    """
    before = image_id(target.image)
    docker("build", *arguments(target, base, certificates(), revision()), str(ROOT))
    if before and before != image_id(target.image):
        with contextlib.suppress(DockerError):  # it is in use, or has another name
            docker("image", "rm", before)


def arguments(target: Target, base: str, bundle: Path | None, commit: str) -> list[str]:
    """What ``docker build`` is told, without the folder."""
    # A proxy that terminates TLS is the builder's own business: the bundle is a secret of the
    # build, so nothing of it stays in the image.
    secret = [] if bundle is None else ["--secret", f"id=ca,src={bundle}"]
    return [
        "--progress=plain",
        f"--target={target.name}",
        f"--tag={target.image}",
        f"--build-arg=BASE={base}",
        f"--label=org.opencontainers.image.revision={commit}",
        f"--label=org.opencontainers.image.base.name={base}",
        *secret,
    ]


def certificates(own: Path = OWN_BUNDLE) -> Path | None:
    """The bundle of certificates that the environment names, else this machine's ``own``."""
    named = [Path(os.environ[variable]) for variable in BUNDLES if os.environ.get(variable)]
    return next((path for path in (*named, own) if path.is_file()), None)


def revision() -> str:
    """The last commit of what images are made of; ``unknown`` where this is no git checkout.

    Not the one checked out: a commit that changes no image would make all of them new.
    """
    done = subprocess.run(
        ["git", "log", "-1", "--format=%H", "--", *SOURCES],  # noqa: S607 - the developer's own git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
