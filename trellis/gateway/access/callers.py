"""Who a request comes from, and what it may ask for."""

from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, get_args

from trellis.gateway.errors import Forbidden

#: ``version``: may ask for a version of a model whose route says ``override: scope``.
Scope = Literal["infer", "feedback", "admin", "version"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))


class Caller(NamedTuple):
    """``key_id`` is None where no key is shown; ``models`` are names or ``*`` globs, None for every
    model.
    """

    key_id: str | None
    scopes: frozenset[str]
    models: frozenset[str] | None

    def check(self, scope: Scope, model: str | None) -> None:
        """Raises ``Forbidden`` where the scope, or the model if one is named, is not the caller's."""
        if scope not in self.scopes:
            raise Forbidden(
                f"key {self.key_id} has no scope {scope!r}; it has {', '.join(sorted(self.scopes))}"
            )
        if model is not None and not self.is_for(model):
            raise Forbidden(f"key {self.key_id} is not for model {model[:64]!r}")

    def is_for(self, model: str) -> bool:
        """Whether the model is one of the caller's."""
        if self.models is None or model in self.models:
            return True
        return any(fnmatchcase(model, pattern) for pattern in self.models)


class Admitted(NamedTuple):
    """A caller who may go on; ``headers`` (``ratelimit-*``) belong on the answer."""

    caller: Caller
    headers: list[tuple[bytes, bytes]]


#: In open mode everybody.
ANYONE = Caller(None, SCOPES, None)
#: Where keys are asked for, who shows none.
STRANGER = Caller(None, frozenset(), None)
