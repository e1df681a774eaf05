"""``trellis rollout get``: the whole of one rollout, once."""

from trellis.rollout.cli.output import console, document
from trellis.rollout.cli.places import Place


async def get(place: Place, name: str, form: str) -> int:
    """Print it as a tree, or as a document."""
    view = await place.rollout(name)
    if form == "text":
        from trellis.rollout.cli.tree import draw

        console().print(draw(view))
    else:
        document(view, form)
    return 0
