"""Revisions and their traffic as KServe on Knative keeps them, pure.

Differs from KServe in two places, both where KServe loses requests (docs/local.md): traffic
moves to a revision only when that very revision is ready, never to an older one that happens
to be the latest ready; and while the newest one starts, an older canary's share may shrink
but not grow.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal, Self

from pydantic import model_validator

from trellis.contracts.tensors import Document
from trellis.local.inference_service import Template

PERCENT = 100


class Revision(Document):
    """A template under the name it runs by."""

    name: str
    template: Template


class ServiceState(Document):
    """All that is remembered of one InferenceService.

    ``revisions`` are in the order they came, the last one is the newest; ``traffic`` is what
    the routing table says now, in percent by revision; ``rolled_out`` last held all of it by
    promotion, ``previous`` is the one before that (one step back). ``chosen`` was given all of it
    by a person, until the manifest says something new. ``ruled``: ``canary_percent`` was set by a
    Rollout, not by the manifest. ``pinned`` revisions come from no manifest:
    an activation or an experiment asked for their version; ``held`` ones take part in an experiment.
    """

    name: str
    created: int = 0
    revisions: tuple[Revision, ...] = ()
    canary_percent: int | None = None
    traffic: dict[str, int] = {}
    rolled_out: str | None = None
    previous: str | None = None
    chosen: str | None = None
    ruled: bool = False
    pinned: tuple[Revision, ...] = ()
    held: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = {revision.name for revision in self.kept}
        named = {
            *self.traffic,
            *self.held,
            *filter(None, (self.rolled_out, self.previous, self.chosen)),
        }
        if missing := named - known:
            raise ValueError(f"{self.name}: revisions {sorted(missing)} are named and not kept")
        if self.traffic and sum(self.traffic.values()) != PERCENT:
            raise ValueError(f"{self.name}: traffic {self.traffic} does not sum to {PERCENT}")
        return self

    @property
    def newest(self) -> Revision:
        """The revision created last."""
        return self.revisions[-1]

    @property
    def kept(self) -> tuple[Revision, ...]:
        """All revisions, those of the manifest last."""
        return (*self.pinned, *self.revisions)

    def revision(self, name: str) -> Revision:
        """The revision of that name; ``KeyError`` where it is not kept."""
        for revision in self.kept:
            if revision.name == name:
                return revision
        raise KeyError(name)


class Goal(Document):
    """What the spec asks for once everything it needs is ready."""

    traffic: dict[str, int]
    rolled_out: str | None
    previous: str | None


def identity(template: Template) -> str:
    """Equal for templates of the same artefact, command and environment: a label or an annotation
    makes another revision, and no other version.
    """
    what = (template.storage_uri, template.command, template.args, sorted(template.env.items()))
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def admit(
    state: ServiceState,
    template: Template,
    canary_percent: int | None,
    *,
    governed: bool,
    trial: bool = False,
) -> ServiceState:
    """The state after the manifest was written, as the admission webhook has it in a cluster.

    Where a Rollout governs the service and the manifest names no weight, another version begins at
    0, and otherwise the Rollout's weight stays; it stays too where the Rollout itself went away.
    ``trial``: another revision of the same version begins at 0 as well.
    """
    if canary_percent is not None or not state.revisions:
        state = apply_spec(state, template, canary_percent)
        return state.model_copy(update={"ruled": False})
    newest = state.newest.template
    changed = template.digest != newest.digest
    if governed and (identity(template) != identity(newest) or (trial and changed)):
        return apply_spec(state, template, 0).model_copy(update={"ruled": True})
    if state.ruled and (governed or not changed):
        return apply_spec(state, template, state.canary_percent)
    return apply_spec(state, template, None).model_copy(update={"ruled": False})


def weigh(state: ServiceState, percent: int | None) -> ServiceState:
    """The state in which a Rollout has set the newest revision's share; None: all of it."""
    return state.model_copy(update={"canary_percent": percent, "chosen": None, "ruled": True})


def apply_spec(state: ServiceState, template: Template, canary_percent: int | None) -> ServiceState:
    """The state after the manifest was written: another template makes a revision, another
    weight alone does not, and the same again changes nothing.
    """
    if state.revisions and state.newest.template.digest == template.digest:
        if canary_percent == state.canary_percent:
            return state
        return state.model_copy(update={"canary_percent": canary_percent, "chosen": None})
    created = state.created + 1
    revision = Revision(name=f"{state.name}-{created:05d}", template=template)
    update = {
        "created": created,
        "revisions": (*state.revisions, revision),
        "canary_percent": canary_percent,
        "chosen": None,
    }
    return _forget_unused(state.model_copy(update=update))


def pin(state: ServiceState, template: Template) -> tuple[ServiceState, Revision]:
    """The state with a revision that no manifest asked for, and that revision."""
    created = state.created + 1
    revision = Revision(name=f"{state.name}-{created:05d}", template=template)
    return state.model_copy(
        update={"created": created, "pinned": (*state.pinned, revision)}
    ), revision


def choose(state: ServiceState, name: str) -> ServiceState:
    """The state in which the kept revision ``name`` is to get all traffic, whatever the weight."""
    return state.model_copy(update={"chosen": state.revision(name).name})


def hold(state: ServiceState, names: Iterable[str]) -> ServiceState:
    """The state in which exactly these kept revisions take part in an experiment."""
    held = tuple(sorted({state.revision(name).name for name in names}))
    return _forget_unused(state.model_copy(update={"held": held}))


def goal(state: ServiceState) -> Goal:
    """Where the traffic is to go, by KServe's rules (docs/local.md has the table)."""
    newest, percent = state.newest.name, state.canary_percent
    rolled_out, previous = state.rolled_out, state.previous
    if state.chosen is not None:
        if rolled_out != state.chosen:
            previous, rolled_out = rolled_out, state.chosen
        return Goal(traffic={state.chosen: PERCENT}, rolled_out=rolled_out, previous=previous)
    everything = percent is None or percent >= PERCENT
    if rolled_out == newest and previous is not None and not everything:
        # The newest was promoted and is asked for less: one step back.
        rolled_out = previous
    if everything or rolled_out is None or rolled_out == newest:
        if rolled_out != newest:
            previous, rolled_out = rolled_out, newest
        return Goal(traffic={newest: PERCENT}, rolled_out=rolled_out, previous=previous)
    shares = {rolled_out: PERCENT - (percent or 0), newest: percent or 0}
    return Goal(traffic=shares, rolled_out=rolled_out, previous=previous)


def settle(state: ServiceState, ready: Iterable[str]) -> ServiceState:
    """The state after as much of the goal as ``ready`` revisions allow."""
    ready = set(ready)
    wanted = goal(state)
    carriers = {name for name, share in wanted.traffic.items() if share > 0}
    if carriers <= ready:
        return _forget_unused(state.model_copy(update=wanted.model_dump()))
    if state.newest.name not in ready:
        return state.model_copy(update={"traffic": _harmless(state, ready)})
    return state


def without_failed(
    state: ServiceState, failed: Iterable[str], ready: Iterable[str]
) -> ServiceState:
    """At a start, the share of revisions that cannot start goes to the stable one, or to
    whichever is ready; unchanged where none is.
    """
    failed, ready = set(failed), set(ready)
    lost = sum(share for name, share in state.traffic.items() if name in failed)
    heirs = [name for name in (state.rolled_out, *state.traffic) if name in ready - failed]
    if not lost or not heirs:
        return state
    traffic = {name: share for name, share in state.traffic.items() if name not in failed}
    heir = str(heirs[0])
    traffic[heir] = traffic.get(heir, 0) + lost
    return state.model_copy(update={"traffic": traffic})


def running(state: ServiceState) -> list[Revision]:
    """The revisions that must have a process: the newest, all with traffic, all of the goal."""
    needed = {state.newest.name, *state.traffic, *goal(state).traffic, *state.held}
    return [revision for revision in state.kept if revision.name in needed]


def role(state: ServiceState, name: str) -> Literal["stable", "canary"]:
    """Whether a revision holds the traffic or is on trial."""
    stable = state.rolled_out or state.newest.name
    return "stable" if name == stable else "canary"


def _harmless(state: ServiceState, ready: set[str]) -> dict[str, int]:
    """While the newest starts, an older canary keeps its share or gets the smaller new one."""
    stable, percent = state.rolled_out, state.canary_percent
    canaries = [name for name in state.traffic if name != stable]
    if percent is None or stable is None or stable not in ready or len(canaries) != 1:
        return state.traffic
    share = min(state.traffic[canaries[0]], percent)
    return {stable: PERCENT - share, canaries[0]: share}


def _forget_unused(state: ServiceState) -> ServiceState:
    """Without revisions that no rule can reach any more."""
    reached = {
        state.newest.name,
        *state.traffic,
        *state.held,
        state.rolled_out,
        state.previous,
        state.chosen,
    }
    revisions = tuple(revision for revision in state.revisions if revision.name in reached)
    pinned = tuple(revision for revision in state.pinned if revision.name in reached)
    return state.model_copy(update={"revisions": revisions, "pinned": pinned})
