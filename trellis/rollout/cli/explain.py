"""``trellis rollout explain``: why the last verdict, in words."""

import time

from trellis.rollout.cli.explanation import explanation
from trellis.rollout.cli.output import say
from trellis.rollout.cli.places import Place


async def explain(place: Place, name: str) -> int:
    """Print the paragraphs, an empty line between two."""
    view = await place.rollout(name)
    for number, paragraph in enumerate(explanation(view, time.time())):
        if number:
            say("")
        for line in paragraph.splitlines():
            say(line)
    return 0
