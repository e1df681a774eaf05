"""`python -m scripts.cluster.offline GROUP...`: build parts by hand, or remove what was built."""

import argparse
import os
import sys
import time
from pathlib import Path

from scripts.cluster.offline import GROUPS, BuildError, Cache, build


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.cluster.offline", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--remove", action="store_true", help="remove all built parts")
    asked = parser.parse_args()
    folder = os.environ.get("TRELLIS_CLUSTER_CACHE") or Path.home() / ".cache" / "trellis-cluster"
    cache = Cache(Path(folder))
    if asked.remove:
        cache.remove()
        print(f"removed {cache.root}")
        return 0
    if not asked.groups:
        parser.error("name a group to build")
    began = time.monotonic()
    try:
        build(
            cache.root,
            asked.groups,
            lambda text: print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True),
        )
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
