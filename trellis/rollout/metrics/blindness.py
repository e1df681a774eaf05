"""Why nothing is known of a metric now, in words, pure. What is missing is never read as health."""

from collections.abc import Mapping, Sequence

from trellis.contracts.rollout import Guardrail
from trellis.rollout.metrics.port import BY_REQUEST, Readings
from trellis.rollout.metrics.snapshot import SIDES, Side, Snapshot

#: Seconds that one pod may keep silent, and that a source's newest number may be old.
PATIENCE_SECONDS = 30.0
STALE_SECONDS = 60.0
#: Requests that predictors answered and nobody outside counted; and that should have come to a
#: side and did not, a chance of e^-30 where the split works.
UNWITNESSED = 20.0
MISSED = 30.0


def why_blind(
    snapshot: Snapshot,
    readings: Readings,
    revisions: Mapping[str, Side],
    guardrails: Sequence[Guardrail],
    weight: int,
) -> dict[str, str]:
    """By guardrail, one sentence; those of which something is known are left out.

    ``snapshot`` has been brought up to the readings; ``weight`` is the canary's percentage.
    """
    by_request = [rail.name for rail in guardrails if rail.metric in BY_REQUEST]
    of_all = (
        _silent(snapshot, readings)
        or _stale(snapshot, readings)
        or _frozen(snapshot)
        or _missed(snapshot, readings, revisions, weight)
    )
    blind = dict.fromkeys(by_request, of_all) if of_all else {}
    names = {rail.name for rail in guardrails}
    return blind | {name: why for name, why in readings.problems.items() if name in names}


def _silent(snapshot: Snapshot, readings: Readings) -> str:
    """A pod that does not tell its counters may hang, and take its errors with it."""
    for name, why in sorted(readings.unread.items()):
        pod = snapshot.pods.get(name)
        if pod is None or pod.silent_since is None:
            continue
        silence = readings.time - pod.silent_since
        if silence >= PATIENCE_SECONDS:
            return f"{why}; for {silence:.0f} s now, and what it answers since is not known"
    return ""


def _stale(snapshot: Snapshot, readings: Readings) -> str:
    for side in SIDES:
        fresh = snapshot.sides[side].fresh
        running = any(
            pod.side == side and pod.seen == readings.time for pod in snapshot.pods.values()
        )
        if fresh is not None and running and readings.time - fresh > STALE_SECONDS:
            return f"the newest count of {side} is {readings.time - fresh:.0f} s old"
    return ""


def _frozen(snapshot: Snapshot) -> str:
    for side in SIDES:
        unwitnessed = snapshot.sides[side].unwitnessed
        if unwitnessed >= UNWITNESSED:
            return (
                f"the counters of {side} stand still while its predictors answered"
                f" {unwitnessed:.0f} requests"
            )
    return ""


def _missed(
    snapshot: Snapshot, readings: Readings, revisions: Mapping[str, Side], weight: int
) -> str:
    """A side without pods that are ready is nobody's news: whoever answers in their place, be it with
    an error, is not counted.
    """
    shares: dict[Side, float] = {"canary": weight / 100, "stable": 1 - weight / 100}
    for side, other in (SIDES, SIDES[::-1]):
        if not 0 < shares[side] < 1:
            continue
        expected = snapshot.sides[side].missed * shares[side] / shares[other]
        if expected < MISSED:
            continue
        names = ", ".join(sorted(name for name, of in revisions.items() if of == side))
        pods = sum(revisions.get(pod.revision) == side for pod in readings.pods)
        return (
            f"no request of {side} ({names}, {_pods(pods)}) was counted for a while in which about"
            f" {expected:.0f} were to come"
        )
    return ""


def _pods(number: int) -> str:
    return "no pod" if number == 0 else "1 pod" if number == 1 else f"{number} pods"
