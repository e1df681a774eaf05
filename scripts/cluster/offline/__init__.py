"""Every part of a cluster built from package registries: Go modules, PyPI, Debian. See README.md."""

from scripts.cluster.offline.build import GROUPS, Parts, build
from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.errors import BuildError

__all__ = ["GROUPS", "BuildError", "Cache", "Parts", "build"]
