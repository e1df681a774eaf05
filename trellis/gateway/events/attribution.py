"""How long after an exposure its outcome still counts: the table says it by model."""

from trellis.gateway.errors import NotReady
from trellis.gateway.routing_table import TableHolder

#: Seconds for a model that has left the table since: a week.
_GONE_SECONDS = 7 * 86400.0


def attribution_window(holder: TableHolder, model: str) -> float:
    """Seconds for ``model`` in the table in use."""
    try:
        route = holder.router.routes.get(model)
    except NotReady:
        return _GONE_SECONDS
    return route.rules.attribution_window if route else _GONE_SECONDS
