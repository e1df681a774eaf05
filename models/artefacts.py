"""Writes a scikit-learn model to a file."""

import zipfile
from pathlib import Path
from typing import Any


def dump(model: Any, path: Path) -> None:
    """Write a fitted estimator to ``path``, in the format of skops, compressed."""
    # It looks through all of scikit-learn, for seconds: only who writes a model waits for that.
    import skops.io

    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)
