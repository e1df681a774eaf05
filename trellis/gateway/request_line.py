"""What a V1 or V2 path and query ask for, and the path that the arm gets."""

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, unquote

from trellis.gateway.errors import NotFound
from trellis.gateway.flags import flag
from trellis.gateway.router import Target

_PATH = re.compile(rb"(/v[12]/models/)([^/:]+)((?:/versions/([^/:]+))?.*)", re.DOTALL)
_DOTS = re.compile(r"(^|/)\.{1,2}(/|$)")


_INFERENCE = re.compile(rb"(?:/versions/[^/:]+)?(?:/infer|(:predict))")


class Asked(NamedTuple):
    """What a path and a query ask for; ``before`` and ``after`` stand around the model's name."""

    before: bytes
    model: str
    after: bytes
    version: str | None
    fallback: bool

    @property
    def inference(self) -> Literal["v1", "v2"] | None:
        """The protocol where a prediction is asked for; None for what only tells of the model."""
        matched = _INFERENCE.fullmatch(self.after)
        if matched is None or (matched[1] is None) == self.before.startswith(b"/v1"):
            return None
        return "v2" if matched[1] is None else "v1"


def read_request_line(raw_path: bytes, query: bytes) -> Asked:
    """Model and version of ``/v1/models/{m}…`` or ``/v2/models/{m}[/versions/{v}]…``.

    A version in the path goes before ``?model_version=``. Raises ``NotFound`` for a path that
    names no model or climbs with dots, ``BadRequest`` for a ``?fallback=`` that says nothing.
    """
    matched = _PATH.fullmatch(raw_path)
    if matched is None or _DOTS.search(unquote(raw_path.decode("latin-1"))):
        raise NotFound("no such route; models answer under /v1/models/{name} and /v2/models/{name}")
    before, model, after, version = matched.groups()
    asked_version = unquote(version.decode("latin-1")) if version else None
    fallback = False
    if b"fallback" in query or b"model_version" in query:
        fields = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        fallback = flag(fields["fallback"][-1], "fallback") if "fallback" in fields else False
        if asked_version is None:
            asked_version = fields.get("model_version", [""])[-1] or None
    return Asked(before, unquote(model.decode("latin-1")), after, asked_version, fallback)


def forwarded_path(asked: Asked, target: Target, raw_path: bytes, query: bytes) -> str:
    """The path for the arm, with its query: as it came unless the arm has another name."""
    path = raw_path
    if target.arm.model != asked.model:
        path = asked.before + target.arm.model.encode() + asked.after
    return (path + b"?" + query if query else path).decode("latin-1")
