import pytest

from trellis.local import fields


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("canaryTrafficPercentage", "canaryTrafficPercent"),
        ("canaryTraficPercent", "canaryTrafficPercent"),
        ("canarytrafficpercent", "canaryTrafficPercent"),
        ("minReplica", "minReplicas"),
        ("qqq", None),
    ],
)
def test_near_names(typed: str, meant: str | None) -> None:
    assert fields.near_name(typed, fields.PREDICTOR) == meant
