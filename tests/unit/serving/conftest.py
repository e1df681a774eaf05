"""Version folders made on the spot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import lab
from trellis.serving.version_folder import VersionFolder

MakeFolder = Callable[..., VersionFolder]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Opens ``model/version`` of squares, with fields of ``model.yaml`` and files as given."""

    def make(model: str = "squares", version: str = "v1", **fields: Any) -> VersionFolder:
        path = lab.write_squares(tmp_path / model / version, **fields)
        return VersionFolder.open(path)

    return make
