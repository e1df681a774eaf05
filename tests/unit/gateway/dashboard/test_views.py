from tests.unit.gateway.dashboard.snapshots import snapshot
from trellis.gateway.access.callers import ANYONE, Caller
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.dashboard.views import Views

NARROW = Caller("k", frozenset(("admin",)), frozenset(("other",)))


def test_a_look_is_rendered_once_for_all_who_may_see_the_same() -> None:
    rendered: list[Snapshot] = []

    def render(seen: Snapshot) -> dict[str, str]:
        rendered.append(seen)
        return {"models": str(len(seen.revisions))}

    views = Views(render)
    for _ in range(3):
        assert views.of(snapshot(1), ANYONE).panels == {"models": "2"}
        assert views.of(snapshot(1), NARROW).panels == {"models": "0"}
        assert views.of(snapshot(1), NARROW._replace(key_id="another")).panels == {"models": "0"}
    assert len(rendered) == 2
    views.of(snapshot(2), ANYONE)
    assert len(rendered) == 3
