"""What an attempt's end means: the job's answer, or one more attempt.

An answer is final where asking again would bring the same one. A 5xx, a broken connection and the
few 4xx that speak of a moment (too slow, too many) are worth another attempt.
"""

from typing import Literal

import orjson

from trellis.gateway.jobs.queue import Answer

#: 499 is how the gateway notes a caller that went away: the worker's own broken-off call.
_OF_A_MOMENT = frozenset((408, 425, 429, 499))


def verdict(status: int) -> Literal["succeeded", "failed", "again"]:
    """What an answer with this HTTP status makes of its job."""
    if status >= 500 or status in _OF_A_MOMENT:
        return "again"
    return "failed" if status >= 400 else "succeeded"


def sentence_of(answer: Answer) -> str:
    """One sentence on an answer that is no success: its own ``error`` where it has one."""
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    words = document.get("error") if isinstance(document, dict) else None
    if isinstance(words, str) and words:
        return words[:500]
    return f"the model answered {answer.status}"
