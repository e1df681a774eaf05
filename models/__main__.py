"""``python -m models``: train and publish every model, or those named."""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The models that have a ``train.py``, the quick ones first."""
    quick = ("squares", "diabetes", "sentiment")
    found = sorted(file.parent.name for file in HERE.glob("*/train.py"))
    return sorted(found, key=lambda name: (name not in quick, name))


def main() -> int:
    """Train each model in a process of its own, so that none sees another's random state."""
    parser = argparse.ArgumentParser(prog="python -m models", description=__doc__)
    parser.add_argument(
        "models", nargs="*", help=f"of {', '.join(names())}; all where none is named"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    unknown = sorted(set(given.models) - set(names()))
    if unknown:
        parser.error(f"no model {unknown[0]!r}, only {', '.join(names())}")
    for name in given.models or names():
        command = [sys.executable, "-m", f"models.{name}.train"]
        if name != "squares":
            command += ["--seed", str(given.seed)]
        status = subprocess.run(command, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
