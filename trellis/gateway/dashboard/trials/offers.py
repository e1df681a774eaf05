"""What a person may ask of a rollout where it is now, as the page offers it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from trellis.contracts.rollout_status import Phase, RolloutView

Do = Literal["pause", "resume", "skip", "promote", "abort", "retry"]

_OFFERED: Mapping[Phase, Sequence[Do]] = {
    "Waiting": ("pause", "promote", "abort"),
    "Progressing": ("pause", "skip", "promote", "abort"),
    "Paused": ("resume", "skip", "promote", "abort"),
    "Promoting": ("abort",),
    "Promoted": ("abort",),
    "RolledBack": ("retry",),
}


class Offer(NamedTuple):
    """``words`` stand on the button, ``says`` what it does."""

    do: Do
    words: str
    says: str


def offers_of(view: RolloutView) -> tuple[Offer, ...]:
    """In the order of their buttons; none where nothing is on trial."""
    return tuple(_offer(view, do) for do in _OFFERED.get(view.status.phase, ()))


def version_on_trial(view: RolloutView) -> str:
    """The version that a command is meant for: another one that came meanwhile is not met by it."""
    side = view.status.canary or view.status.stable
    return side.version if side else ""


def command_id(view: RolloutView, do: Do) -> str:
    """The same until the rollout has answered, so that a second press of a button does nothing."""
    history = view.status.history
    return f"page-{do}-{round(1000 * history[-1].time) if history else 0}"


def _offer(view: RolloutView, do: Do) -> Offer:
    version, stable = version_on_trial(view), view.status.stable
    back = f"all traffic goes back to {stable.version}" if stable else "it gets no traffic"
    if do == "abort" and view.status.phase == "Promoted":
        return Offer(
            do,
            "Step back",
            f"This takes {version} back: the version before it gets all traffic again.",
        )
    says: Mapping[Do, str] = {
        "pause": f"This holds {version} at {view.status.weight} % of traffic. Evidence goes on, and harm still rolls it back.",
        "resume": f"This lets the rollout of {version} go on.",
        "skip": f"This ends the present step of {version}, whatever the evidence says.",
        "promote": f"This gives {version} all traffic, whatever the evidence says.",
        "abort": f"This rolls {version} back: {back}.",
        "retry": f"This puts {version} on trial again, from the first step on.",
    }
    return Offer(do, do.capitalize(), says[do])
