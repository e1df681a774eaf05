"""Promotion and rollback, from their first moment until the traffic shows them.

A promotion removes the weight, whereupon ``prev-`` vanishes and ``latest-`` means something else:
so the gateways turn away from the tag hosts first. A rollback sets the weight 0, which leaves both
hosts as they are, so it does not wait for anyone.
"""

from typing import Literal

from trellis.contracts.rollout_status import Side
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.following import AT_REST
from trellis.rollout.plan.gateways import GatewaysSeen
from trellis.rollout.plan.memory import MOST_ROLLED_BACK
from trellis.rollout.plan.sides import canary_share
from trellis.rollout.seen import ServiceSeen

#: Seconds after which a gateway that does not ask for its table is waited for no longer.
TURNING_BOUND = 10.0
#: Seconds that are waited for those that ask another controller.
TURNING_LEAST = 3.0
#: Seconds after which an obstacle that has gone is believed to: of two controllers one may meet it still.
HINDERED_BOUND = 60.0
#: Seconds that KServe is given to carry a change over, before a weight 0 that came with it is taken
#: for one of a version that came and went.
CARRYING_BOUND = 30.0


def lead_to_tags(draft: Draft, facts: Facts) -> None:
    """Let the gateways split by tag hosts where that is asked for, as soon as a stage's traffic has both,
    and for as long as nothing hinders them.
    """
    memory, gateways = draft.memory, facts.gateways
    if facts.spec.split != "unit":
        turn_away(draft)
    elif gateways.obstacle:
        if memory.tags_up:
            draft.remember(hindered_at=draft.now)
        turn_away(draft)
    elif gateways.obstacle is not None and memory.settled_at is not None and facts.seen.routed:
        since = memory.hindered_at
        if since is None or draft.now - since >= HINDERED_BOUND:
            draft.remember(tags_up=True)


def turn_away(draft: Draft) -> None:
    """Tell the gateways to use the service's own host, where they use tag hosts."""
    if draft.memory.tags_up:
        draft.remember(tags_up=False, turned_at=draft.now)


def has_turned(draft: Draft, gateways: GatewaysSeen) -> bool:
    """Whether all gateways did so, or have had their time. No time begins before the table has it."""
    turned_at = draft.memory.turned_at
    if turned_at is None:
        return True
    waited = draft.now - turned_at
    if gateways.hosts == "tagged" or waited < TURNING_LEAST:
        return False
    return gateways.turned_away or waited >= TURNING_BOUND


def sticky_name(stable: Side | None, canary: Side) -> str:
    """What is remembered of a version that was rolled back: its identity, unless stable has it."""
    same = stable is not None and stable.identity == canary.identity
    return canary.revision if same else canary.identity


def begin_promotion(draft: Draft, why: str) -> None:
    """Turn the gateways away; the weight stays until they did."""
    turn_away(draft)
    draft.remember(course="promoting", why=why, overdue=False, paused=False, paused_by="")


def release(draft: Draft, facts: Facts) -> None:
    """Let the newest revision have all traffic, once nothing would break by it."""
    memory, seen = draft.memory, facts.seen
    if memory.released or not has_turned(draft, facts.gateways):
        return
    if memory.course == "promoting":
        draft.weight = 100
        draft.remember(released=True)
    elif (
        memory.course in AT_REST
        and draft.stable is not None
        and seen.settled
        and (memory.covered_at is None or draft.now - memory.covered_at >= CARRYING_BOUND)
    ):
        draft.remember(released=True, clearing=False, covered_at=None)


def cover(draft: Draft, seen: ServiceSeen) -> None:
    """At rest, keep a weight that the webhook set: its version came and went unseen, or has not come.

    Without it the newest *ready* revision would have all traffic, which may be that version's. What
    a version is KServe decides, and until it did, the service seems to ask for what is stable. Where
    a trial has ended (``clearing``) it was seen to be asked for again, and nothing is to come.
    """
    memory = draft.memory
    if memory.course not in AT_REST or draft.stable is None:
        return
    if memory.clearing and not memory.released:
        return
    if seen.weight == 0 and seen.weight_owner == "nobody":
        draft.remember(released=False, clearing=True, covered_at=draft.now)
    elif memory.released and seen.weight is not None and seen.weight_owner in {"us", "nobody"}:
        draft.remember(released=False, clearing=True)


def begin_rollback(
    draft: Draft,
    why: str,
    *,
    reason: str,
    what: Literal["rolledBack", "aborted"] = "rolledBack",
    actor: str = "",
) -> None:
    """Take the canary's traffic, and do not try it again."""
    if draft.canary is None:
        raise ValueError("nothing is on trial that could be rolled back")
    name = sticky_name(draft.stable, draft.canary)
    others = tuple(other for other in draft.memory.rolled_back if other != name)
    turn_away(draft)
    draft.weight, draft.step = 0, 0
    draft.remember(
        course="rollingBack",
        released=False,
        rolled_back=(*others, name)[-MOST_ROLLED_BACK:],
        why=why,
        degraded=reason,
        overdue=False,
        paused=False,
        paused_by="",
    )
    draft.record(what, why, reason=reason, actor=actor)


def finish_rollback(draft: Draft, facts: Facts) -> None:
    """Note that the canary has no traffic any more, once that is so."""
    if draft.memory.course != "rollingBack" or draft.canary is None:
        return
    if _is_empty(draft, facts.seen, draft.canary) and has_turned(draft, facts.gateways):
        draft.remember(course="rolledBack")
        draft.announce("Normal", "RollbackDone", f"{draft.canary.version} has no traffic any more")


def _is_empty(draft: Draft, seen: ServiceSeen, canary: Side) -> bool:
    return seen.weight == 0 and canary_share(seen, draft.stable, canary) == 0
