"""The newest look as each caller may see it: rendered once for all who may see the same."""

from collections.abc import Callable
from typing import NamedTuple

from trellis.gateway.access.callers import Caller
from trellis.gateway.dashboard.own_part import own_part
from trellis.gateway.dashboard.snapshot import Snapshot

Render = Callable[[Snapshot], dict[str, str]]


class View(NamedTuple):
    """A look, and its panels' HTML by name."""

    snapshot: Snapshot
    panels: dict[str, str]


class Views:
    """Keeps the views of one look until the next."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._number = 0
        self._views: dict[frozenset[str] | None, View] = {}

    def of(self, snapshot: Snapshot, caller: Caller) -> View:
        """What the caller sees of this look."""
        if snapshot.number != self._number:
            self._number, self._views = snapshot.number, {}
        view = self._views.get(caller.models)
        if view is None:
            seen = own_part(snapshot, caller)
            view = self._views[caller.models] = View(seen, self._render(seen))
        return view
