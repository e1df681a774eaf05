"""Root file systems of Debian packages, as image layers."""

import os
from collections.abc import Sequence
from pathlib import Path

from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import ensure_installed, run
from scripts.cluster.versions import version

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Nobody reads these in a container.
UNREAD = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
# What no program here reads: the set-up of packages (users are added by Perl programs).
UNUSED = (
    "/usr/bin/perl*",
    "/usr/lib/*/gconv/*",
    "/usr/lib/*/libperl*",
    "/usr/lib/*/perl*",
    "/usr/share/lintian/*",
    "/usr/share/perl*",
)
LEFT_OUT = (*UNREAD, *UNUSED)


def sources() -> list[str]:
    """This machine's apt sources of the pinned Debian release, its updates and security fixes.

    :raises BuildError: where it has none.
    """
    release = version("debian")
    found = run(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
        "Component: main", "Created-By: Packages",
    ).splitlines()  # fmt: skip
    own = dict.fromkeys(line for line in found if line.split()[1].startswith(release))
    if not own:
        raise BuildError(
            f"apt has no source of Debian {release} main, which the images are built from: "
            "add one under /etc/apt/sources.list.d, or build on such a machine"
        )
    return [f"deb [signed-by={KEYRING}] {line} main" for line in own]


def write_root(path: Path, packages: Sequence[str]) -> None:
    """Debian's smallest system with these packages installed, as a layer (an uncompressed tar).

    :raises BuildError: where mmdebstrap is missing or fails.
    """
    # The builder's own names: a container gets its own.
    _bootstrap(
        path, packages, "minbase", '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"'
    )


def write_files(path: Path, packages: Sequence[str]) -> None:
    """Only the files of these packages and of those they need, as a layer: no set-up is run.

    It is small and quick, and enough for a program that needs its libraries only.

    :raises BuildError: where mmdebstrap is missing or fails.
    """
    _bootstrap(path, packages, "extract")


def _bootstrap(path: Path, packages: Sequence[str], variant: str, *options: str) -> None:
    if os.geteuid() != 0:
        raise BuildError(
            "building root file systems needs root: run it with sudo, or let a registry answer "
            "(TRELLIS_CLUSTER_SOURCE=pull)"
        )
    ensure_installed({"mmdebstrap": "mmdebstrap"})
    left_out = LEFT_OUT if variant == "extract" else UNREAD
    run(
        "mmdebstrap", "--quiet", "--mode=root", "--format=tar", f"--variant={variant}",
        f"--include={','.join(packages)}", "--aptopt=Acquire::Retries 5",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in left_out), *options,
        version("debian"), path, *sources(),
    )  # fmt: skip
