import math

import pytest

from trellis.contracts.rollout import Guardrail
from trellis.gateway.dashboard.trials.scales import MOST_LABELS, Kind, kind_of, scale_of


@pytest.mark.parametrize(
    ("guardrail", "kind"),
    [
        ({"metric": "errors"}, "ratio"),
        ({"metric": "errors", "margin": {"ratio": 2}}, "ratio"),
        ({"metric": "latency", "over": "250ms"}, "ratio"),
        ({"metric": "latency", "over": "250ms", "limit": "1%"}, "share"),
        ({"metric": "meanLatency"}, "ratio"),
        ({"metric": "meanLatency", "margin": {"absolute": "20ms"}}, "seconds"),
        (
            {"metric": "scores", "margin": {"absolute": "0.1"}, "attributionWindow": "1d"},
            "number",
        ),
    ],
)
def test_a_guardrail_has_the_unit_of_its_margin(guardrail: dict[str, object], kind: Kind) -> None:
    assert kind_of(Guardrail.model_validate(guardrail)) == kind


def test_half_and_double_are_as_far_from_the_same() -> None:
    scale = scale_of("ratio", [0.5, 2.0])
    assert scale.place(2) - scale.place(1) == scale.place(1) - scale.place(0.5) > 0


@pytest.mark.parametrize("kind", ["ratio", "share", "seconds", "number"])
@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0],
        [1.0],
        [1e-9],
        [0.013, 0.4, 5.0],
        [1 / 64, 64.0],
        [-0.02, 0.03],
        [-5e4, 1e6],
        [math.inf, 1.5, math.nan],
    ],
)
def test_every_value_has_a_place_between_the_ends_and_few_labels(
    kind: Kind, values: list[float]
) -> None:
    scale = scale_of(kind, values)
    assert scale.low < scale.high
    assert all(
        scale.low <= scale.place(value) <= scale.high for value in values if not math.isnan(value)
    )
    assert 2 <= len(scale.labels) <= MOST_LABELS + 2
    places = [scale.place(value) for value, _ in scale.labels]
    assert places == sorted(set(places))
    assert len({words for _, words in scale.labels}) == len(scale.labels)


def test_no_difference_and_no_change_are_always_labelled() -> None:
    for values in ([0.02, 3.0], [0.4], [60.0]):
        assert 1.0 in {value for value, _ in scale_of("ratio", values).labels}
        assert 0.0 in {value for value, _ in scale_of("number", values).labels}
