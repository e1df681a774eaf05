from trellis.rollout.events.keys import FoldKeys


def test_all_keys_share_a_slot() -> None:
    keys = FoldKeys("any")
    names = [
        keys.exposures,
        keys.watches,
        *(f("w") for f in (keys.state, keys.units, keys.ripening)),
    ]
    assert {name[name.index("{") : name.index("}")] for name in names} == {"{events"}
    assert len(set(names)) == len(names)
