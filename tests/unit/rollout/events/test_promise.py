"""Sticky users with clustered errors under a ramp: alpha holds by unit, and not by request."""

import random
from hashlib import blake2b

from tests.unit.rollout.events.events import Memory, met, watch_of
from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.events.looks import looks_of
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count, Look, SideLook

ERRORS = Guardrail(metric="errors")
ALPHA = 0.05
NO_WORSE = Guardrail(metric="errors", margin=Margin(ratio=1.05))
TRIALS = 50
#: 11 of 50 at a true rate of 0.05 have a chance of 3e-5.
TOO_MANY = 11
RAMP = (0.2, 0.5)


def rolled_back(seed: int) -> tuple[bool, bool]:
    """By unit, and by request as if requests were independent; both versions are the same one.

    Of 400 users five have nearly all errors: most of their requests fail, and they try again, in vain.
    """
    chance = random.Random(seed)
    salt = str(seed).encode()
    points = [
        int.from_bytes(blake2b(str(user).encode(), key=salt, digest_size=8).digest(), "big") / 2**64
        for user in range(400)
    ]
    memory = Memory(watch_of(NO_WORSE))
    by_unit = naive = RolloutEvidence.start((NO_WORSE,), ALPHA)
    harm = [False, False]
    for era, share in enumerate(RAMP, 1):
        memory.watch = watch_of(NO_WORSE, canary=share, era=era)
        for _ in range(20):
            events = []
            tallies = {"leaf-2": [0, 0], "leaf-1": [0, 0]}
            for _ in range(40):
                user = chance.randrange(5 if chance.random() < 0.05 else 400)
                arm = "leaf-2" if points[user] < share else "leaf-1"
                fails = user < 5 and chance.random() < 0.9
                for again in range(3 if fails else 1):
                    propensity = share if arm == "leaf-2" else 1 - share
                    events.append(
                        met(user, arm, again, code=500 if fails else 200, propensity=propensity)
                    )
                    tallies[arm][0] += fails
                    tallies[arm][1] += 1
            memory.fold(*events)
            for look in looks_of(memory.state.blocks):
                by_unit = by_unit.look(look)
            memory.state.blocks = []
            canary, stable = (
                SideLook({"errors": Count(*tallies[arm])}) for arm in ("leaf-2", "leaf-1")
            )
            naive = naive.look(Look("requests", canary, stable))
            for place, evidence in enumerate((by_unit, naive)):
                harm[place] |= evidence.judge()[0].state == "harm"
    return harm[0], harm[1]


def test_units_hold_what_requests_break() -> None:
    by_unit, naive = map(sum, zip(*map(rolled_back, range(TRIALS)), strict=True))
    assert by_unit < TOO_MANY
    assert naive >= TOO_MANY


def test_a_canary_that_always_fails_is_harm_to_however_few_units() -> None:
    """18 users who come again and again: never enough units for a look by their number alone."""
    memory = Memory(watch_of(ERRORS))
    evidence = RolloutEvidence.start((ERRORS,), ALPHA)
    for second in range(60):
        memory.fold(
            *(met(n, f"leaf-{1 + n % 2}", second, code=500 if n % 2 else 200) for n in range(18))
        )
    for look in looks_of(memory.state.told):
        evidence = evidence.look(look)
    assert evidence.judge()[0].state == "harm"
