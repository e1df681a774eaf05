"""The evidence of a whole rollout: each guardrail's, look by look.

Harm is called at ``1 / alpha_g`` with ``alpha_g = alpha`` by the number of guardrails (a union bound:
one false alarm of any is a rollback), and stays called. Within is called at ``1 / alpha``, each for
itself: all of them are needed, and to find all of them within while one is not, that one must err
(an intersection-union test, Berger 1982).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Any, Self

from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import GuardrailVerdict
from trellis.rollout.evidence import words
from trellis.rollout.evidence.averaged import MeanEvidence
from trellis.rollout.evidence.counted import CountedEvidence
from trellis.rollout.evidence.limited import LimitEvidence
from trellis.rollout.looks import Look
from trellis.telemetry.logs import get_logger

GuardrailEvidence = CountedEvidence | LimitEvidence | MeanEvidence


@dataclass(frozen=True, eq=False)
class RolloutEvidence:
    """Immutable. ``blind`` is what the last look could not see, by guardrail."""

    guardrails: tuple[Guardrail, ...]
    alpha: float
    parts: tuple[GuardrailEvidence, ...]
    blind: Mapping[str, str]

    @classmethod
    def start(cls, guardrails: tuple[Guardrail, ...], alpha: float) -> Self:
        """Nothing seen yet. Raises ``ValueError`` where alpha is no probability over 0."""
        if not 0 < alpha < 1:
            raise ValueError(f"alpha: {alpha} must lie between 0 and 1")
        if not guardrails:
            raise ValueError("guardrails: at least one is needed")
        parts = tuple(_kind(guardrail).start(guardrail) for guardrail in guardrails)
        return cls(guardrails, alpha, parts, {})

    def look(self, look: Look) -> Self:
        """With one look more. Raises ``ValueError`` naming the field where a number cannot be."""
        parts = tuple(part.add(look.stream, look.canary, look.stable) for part in self.parts)
        return replace(self, parts=parts, blind=dict(look.blind))

    def judge(self) -> tuple[GuardrailVerdict, ...]:
        """What is known of each guardrail now, in their order."""
        return tuple(self._judged(part) for part in self.parts)

    def _judged(self, part: GuardrailEvidence) -> GuardrailVerdict:
        needed = log(len(self.guardrails) / self.alpha)
        verdict = part.judge(self.alpha).model_copy(update={"log_e_needed": needed})
        if verdict.log_e_harm >= needed:
            state = "harm"
        elif verdict.name in self.blind:
            state = "blind"
        elif verdict.log_e_within >= -log(self.alpha):
            state = "within"
        else:
            state = "undecided"
        verdict = verdict.model_copy(update={"state": state})
        message = f"{verdict.message}: {words.finding(verdict, self.alpha)}"
        if state == "blind":
            message = f"{verdict.name}: {self.blind[verdict.name]} (until then {verdict.message})"
        return verdict.model_copy(update={"message": message})

    def to_state(self) -> dict[str, Any]:
        """JSON-able and without loss; some 3 KB for a counted guardrail, less for the others."""
        parts = {
            part.guardrail.name: {"of": _rules(part.guardrail), **part.to_state()}
            for part in self.parts
        }
        return {"parts": parts, "blind": dict(self.blind)}

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], guardrails: tuple[Guardrail, ...], alpha: float
    ) -> Self:
        """What ``to_state`` gave. Guardrails that are the same go on; the others, and those whose part
        is damaged, start anew. An empty state starts all.
        """
        empty = cls.start(guardrails, alpha)
        parts, blind = (_mapping(state.get(key)) for key in ("parts", "blind"))
        return replace(
            empty,
            parts=tuple(_restored(part, parts.get(part.guardrail.name)) for part in empty.parts),
            blind={rail.name: str(blind[rail.name]) for rail in guardrails if rail.name in blind},
        )


def _kind(guardrail: Guardrail) -> type[CountedEvidence] | type[LimitEvidence] | type[MeanEvidence]:
    if guardrail.limit is not None:
        return LimitEvidence
    if guardrail.metric in {"meanLatency", "scores"}:
        return MeanEvidence
    return CountedEvidence


def _rules(guardrail: Guardrail) -> dict[str, Any]:
    """What must be the same for evidence to go on."""
    return guardrail.model_dump(mode="json", by_alias=True, exclude_none=True)


def _mapping(state: Any) -> Mapping[str, Any]:
    return state if isinstance(state, Mapping) else {}


def _restored(empty: GuardrailEvidence, state: Any) -> GuardrailEvidence:
    guardrail = empty.guardrail
    if _mapping(state).get("of") != _rules(guardrail):
        return empty
    try:
        return _kind(guardrail).from_state(guardrail, state)
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        get_logger().warning("evidence is damaged", guardrail=guardrail.name, why=repr(error))
        return empty
