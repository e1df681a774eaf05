"""Times, amounts and meters as a person reads them."""

import math
import time

from trellis.contracts.rollout import Guardrail
from trellis.rollout.evidence import words
from trellis.rollout.plan.words import span

_METER = 10


def moment(at: float) -> str:
    """Seconds since 1970 as a date and time, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def wait(seconds: float) -> str:
    """A span of time that may never end."""
    return "never" if math.isinf(seconds) else span(seconds)


def amount(guardrail: Guardrail | None, value: float) -> str:
    """A ratio, a share, or a difference of means, whichever this guardrail compares."""
    if guardrail is None:
        return words.number(value)
    if guardrail.limit is not None:
        return words.percent(value)
    if guardrail.margin is not None and guardrail.margin.absolute is not None:
        return words.number(value) + (" s" if guardrail.metric == "meanLatency" else "")
    return f"{words.number(value)}x"


def meter(log_e: float, needed: float) -> str:
    """How far an e-value's logarithm has come towards what is needed."""
    filled = round(_METER * min(max(log_e / needed, 0.0), 1.0)) if needed > 0 else 0
    return "█" * filled + "░" * (_METER - filled)
