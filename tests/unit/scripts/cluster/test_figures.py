import pytest

from scripts.cluster.figures import mebibytes


@pytest.mark.parametrize(
    ("usage", "expected"),
    [("512MiB / 23.4GiB", 512.0), ("1.5GiB / 23.4GiB", 1536.0), ("2048KiB / 1GiB", 2.0)],
)
def test_what_docker_says_in_mebibytes(usage: str, expected: float) -> None:
    assert mebibytes(usage) == pytest.approx(expected)


@pytest.mark.parametrize("usage", ["", "-- / --", "5MB / 1GB"])
def test_no_size_is_no_figure(usage: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a size"):
        mebibytes(usage)
