"""``status.message``: why the rollout is where it is, in a sentence, with its numbers."""

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.routing_table import LATEST
from trellis.rollout.plan.draft import Draft
from trellis.rollout.plan.gateways import GatewaysSeen
from trellis.rollout.plan.holds import hold_in_force
from trellis.rollout.plan.refusals import Refusal
from trellis.rollout.plan.sides import canary_share
from trellis.rollout.plan.words import clip, span
from trellis.rollout.seen import ServiceSeen

_LONGEST = 600


def sentence(
    draft: Draft,
    spec: RolloutSpec,
    seen: ServiceSeen | None,
    refusal: Refusal | None,
    trouble: str,
    gateways: GatewaysSeen,
) -> str:
    """The message; ``trouble`` is what the cluster answered to the last attempt to move something."""
    if refusal is not None or seen is None:
        text = refusal.message if refusal else ""
        if is_harmed(draft):
            text = f"nothing is moved although {_verdict(draft)}: {text}"
    elif draft.memory.manual:
        text = _by_hand(draft, seen)
    else:
        text = _of_course(draft, spec, seen, gateways)
    if trouble:
        text = f"{text}; the cluster refused the last change: {trouble}"
    return clip(text, _LONGEST)


def is_harmed(draft: Draft) -> bool:
    """Whether the evidence says harm while the canary is on trial."""
    on_trial = draft.memory.course in {"stepping", "promoting"}
    return on_trial and draft.verdict is not None and draft.verdict.kind == "rollback"


def trouble_with_start(draft: Draft, seen: ServiceSeen) -> str:
    """Why the newest revision cannot start; empty where it can, or is ready."""
    newest = seen.newest
    if newest is None or newest.ready or not newest.failing:
        return ""
    stays = f"; all traffic stays on {draft.stable.version}" if draft.stable else ""
    if draft.weight:
        stays = ""  # an older revision of the canary answers
    return f"{newest.version} cannot start: {newest.failing}{stays}"


def _by_hand(draft: Draft, seen: ServiceSeen) -> str:
    weight = "no weight" if seen.weight is None else f"weight {seen.weight}"
    who = seen.weight_owner_name or "somebody"
    text = f"{who} set {weight} by hand, and nothing is moved until `trellis rollout resume`"
    return f"{text}, although {_verdict(draft)}" if is_harmed(draft) else text


def _of_course(draft: Draft, spec: RolloutSpec, seen: ServiceSeen, gateways: GatewaysSeen) -> str:
    course = draft.memory.course
    if course in {"idle", "promoted"}:
        return _at_rest(draft, seen)
    if course == "waiting":
        return _waiting(draft, spec, seen)
    if course == "stepping":
        return _stepping(draft, spec, seen, gateways)
    if course == "promoting":
        return _promoting(draft, seen)
    if course == "rollingBack":
        return f"{draft.memory.why}; {_share(draft, seen)} of traffic is left on it"
    return f"{draft.memory.why}; it stays without traffic until the version changes or `trellis rollout retry`"


def _at_rest(draft: Draft, seen: ServiceSeen) -> str:
    failing = trouble_with_start(draft, seen)
    if failing:
        return failing
    if draft.stable is None:
        return f"{seen.wanted_version} is the first version and takes all traffic once it is ready"
    text = f"{draft.stable.version} has all traffic"
    if draft.memory.covered_at is not None:
        return f"{text}; the weight 0 that came with a request is kept until KServe has carried it over"
    if seen.created != seen.rolled_out and seen.created is not None:
        return f"{text}; {seen.created} is a new revision of it and is let through once it is ready"
    return text if draft.memory.course == "promoted" else f"{text}, nothing is on trial"


def _waiting(draft: Draft, spec: RolloutSpec, seen: ServiceSeen) -> str:
    failing = trouble_with_start(draft, seen)
    if failing:
        return failing
    version = draft.canary.version if draft.canary else ""
    state = "is ready" if seen.settled else "is not ready yet"
    return f"{version} {state} and has no traffic{_held(draft, spec)}"


def _stepping(draft: Draft, spec: RolloutSpec, seen: ServiceSeen, gateways: GatewaysSeen) -> str:
    version = draft.canary.version if draft.canary else ""
    place = f"step {draft.step} of {len(spec.steps)}"
    settled_at = draft.memory.settled_at
    if settled_at is None:
        return (
            f"{version} is to have {draft.weight} % of traffic ({place}), "
            f"which shows {_share(draft, seen)}{_held(draft, spec)}"
        )
    failing = trouble_with_start(draft, seen)
    return (
        f"{version} has {draft.weight} % of traffic ({place}) for {span(draft.now - settled_at)}"
        f"{_held(draft, spec)}: {_verdict(draft)}{f'; {failing}' if failing else ''}"
        f"{_not_kept(draft, spec, seen, gateways)}"
    )


def _not_kept(draft: Draft, spec: RolloutSpec, seen: ServiceSeen, gateways: GatewaysSeen) -> str:
    """Why units are not kept with one version although that is asked for; empty where they are."""
    if spec.split != "unit":
        return ""
    if gateways.obstacle:
        why = gateways.obstacle
    elif LATEST not in seen.tags:
        why = f'{seen.name} has no annotation serving.kserve.io/enable-tag-routing: "true"'
    elif draft.memory.tags_up:
        return ""
    elif draft.memory.hindered_at is not None:
        why = "gateways were hindered within the last minute"
    else:
        why = "the ingress does not have the hosts of both versions yet"
    return f"; each request is split, for {why}"


def _promoting(draft: Draft, seen: ServiceSeen) -> str:
    version = draft.canary.version if draft.canary else ""
    if draft.memory.released:
        return f"{version} is given all traffic and has {_share(draft, seen)}: {draft.memory.why}"
    return f"{version} gets all traffic once the gateways ask for no tag host: {draft.memory.why}"


def _held(draft: Draft, spec: RolloutSpec) -> str:
    hold = hold_in_force(spec, draft.memory)
    by = f" by {draft.memory.paused_by}" if draft.memory.paused_by else ""
    words = {
        "Person": f", paused{by}",
        "Spec": ", paused by spec.paused",
        "Deadline": f", held since the deadline of {spec.deadline} passed",
    }
    return words.get(hold or "", "")


def _verdict(draft: Draft) -> str:
    return draft.verdict.message if draft.verdict else "no evidence yet"


def _share(draft: Draft, seen: ServiceSeen) -> str:
    if draft.canary is None:
        return "0 %"
    return f"{canary_share(seen, draft.stable, draft.canary)} %"
