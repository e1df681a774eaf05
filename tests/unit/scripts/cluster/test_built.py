from pathlib import Path

import pytest

from scripts.cluster import built, offline
from scripts.cluster.errors import ClusterError


def test_a_part_that_cannot_be_built_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise offline.BuildError("building kind needs Go 1.26.4 or newer, which is not installed")

    # The build takes minutes; what fails in it is tested where it is made.
    monkeypatch.setattr(offline, "build", fails)
    with pytest.raises(ClusterError, match="could not be built: building kind needs Go") as error:
        built.supply(tmp_path, ["tools"], lambda _: None)
    assert "Running it again goes on from there" in str(error.value)
