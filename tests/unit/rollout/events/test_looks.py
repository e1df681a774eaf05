from tests.unit.rollout.events.events import CONVERSIONS, ERRORS, MEAN, SCORES, SLOW
from trellis.contracts.rollout import Guardrail
from trellis.rollout.events.blocks import UNITS, Block, Tallies
from trellis.rollout.events.looks import blind_look, looks_of
from trellis.rollout.looks import Count, Look, Moments, SideLook


def test_a_block_is_a_look_by_unit() -> None:
    tallies: Tallies = {
        "errors": {"canary": (10.0, 2.0), "stable": (30.0, 1.0)},
        "scores": {"stable": (4.0, 2.0, 1.5)},
        UNITS: {"canary": (3.0,), "stable": (9.0,)},
    }
    (look,) = looks_of([Block(1, 1, {}, tallies)])
    assert look == Look(
        "units",
        canary=SideLook({"errors": Count(2, 10)}, {"scores": Moments(0, 0, 0)}),
        stable=SideLook({"errors": Count(1, 30)}, {"scores": Moments(4, 2, 1.5)}),
    )


def test_without_events_only_what_they_alone_tell_is_unknown() -> None:
    look = blind_look((ERRORS, CONVERSIONS, SCORES), "Redis is away")
    assert look.blind == {"conversions": "Redis is away", "scores": "Redis is away"}


def test_where_gateways_split_by_tag_all_but_restarts_is_unknown() -> None:
    rails = ERRORS, SLOW, MEAN, SCORES, Guardrail(metric="restarts")
    assert set(blind_look(rails, "Redis is away", by_unit=True).blind) == {
        rail.name for rail in rails[:-1]
    }
