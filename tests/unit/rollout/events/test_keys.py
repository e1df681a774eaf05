from trellis.gateway.events.keys import EventKeys
from trellis.rollout.events.keys import FoldKeys


def test_it_reads_where_gateways_write() -> None:
    ours, theirs = FoldKeys("trellis"), EventKeys("trellis")
    assert (ours.exposures, ours.outcomes, ours.dropped) == (
        theirs.exposures,
        theirs.outcomes,
        theirs.dropped,
    )


def test_all_keys_share_a_slot() -> None:
    keys = FoldKeys("any")
    names = [
        keys.exposures,
        keys.watches,
        *(f("w") for f in (keys.state, keys.units, keys.ripening)),
    ]
    assert {name[name.index("{") : name.index("}")] for name in names} == {"{events"}
    assert len(set(names)) == len(names)
