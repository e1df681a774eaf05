"""A predictor's whole answer, and whether it may be kept."""

from typing import NamedTuple

import orjson

from trellis.gateway.router import Target

#: Headers that belong to the content; all others belong to one exchange.
_OF_THE_CONTENT = frozenset((b"content-type", b"inference-header-content-length"))
_NOT_FOR_OTHERS = (b"no-store", b"no-cache", b"private")


class CachedAnswer(NamedTuple):
    """Status, headers (names in lower case) and body, as a predictor sent them."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header of that name (lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def may_be_kept(self, target: Target, limit: int) -> bool:
        """Whether others may get this answer: a 200 of ``target`` itself, at most ``limit`` bytes.

        A host may already lead to another revision than the routing table says, or to one of another
        content: an answer that names another fingerprint than the arm's, or none, is this caller's alone.
        """
        arm = target.arm
        return (
            self.status == 200
            and len(self.body) <= limit
            and self.header(b"x-model-version") in {None, arm.version.encode()}
            and self.header(b"x-model-fingerprint") == arm.fingerprint.encode()
            and self.header(b"content-encoding") is None
            and self.header(b"set-cookie") is None
            and not self._for_one_only()
        )

    def is_v1(self) -> bool:
        """Whether it holds the predictions of V1."""
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return False
        return isinstance(document, dict) and isinstance(document.get("predictions"), list)

    def of_the_content(self) -> "CachedAnswer":
        """Without the headers of the exchange that brought it."""
        kept = tuple(pair for pair in self.headers if pair[0] in _OF_THE_CONTENT)
        return self._replace(headers=kept)

    def served_by(self, target: Target) -> "CachedAnswer":
        """With the headers that say who answers, as an answer that is computed has them."""
        arm = target.arm
        who = (
            (b"x-model-version", arm.version.encode()),
            (b"x-model-revision", arm.revision.encode()),
            (b"x-model-fingerprint", arm.fingerprint.encode()),
        )
        return CachedAnswer(self.status, self.headers + who, self.body)

    def _for_one_only(self) -> bool:
        said = (self.header(b"cache-control") or b"").lower()
        return any(word in said for word in _NOT_FOR_OTHERS)
