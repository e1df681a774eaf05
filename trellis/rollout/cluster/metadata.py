"""What a predictor says of itself, by the metadata of V2, asked at its pod's own address."""

import re
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import orjson

from trellis.rollout.metrics.page import OWN_PORT, Refused, Unreadable, read_page

MOST_BYTES = 2**20
#: Refusals that may be over the next time, beside those from 500 on but "not implemented".
_NOT_NOW, _NOT_IMPLEMENTED = frozenset((408, 425, 429)), 501
#: Gateways find it in a header, and all tables of a namespace have to fit into one ConfigMap.
_FINGERPRINT = re.compile(r"[A-Za-z0-9:._-]{1,128}")


class Said(NamedTuple):
    """Each is empty where it is not said: an image of somebody's own need not know of it."""

    version: str = ""
    revision: str = ""
    fingerprint: str = ""


class Silent(Exception):
    """It said nothing that holds: why, in words. It may be asked again."""


class Metadata:
    """Asks pods by ``session``, which is closed by who made it."""

    def __init__(self, session: aiohttp.ClientSession, port: int = OWN_PORT) -> None:
        self._session, self._port = session, port

    async def said(self, address: str, model: str) -> Said:
        """What the predictor at an IP says of ``model``. Raises ``Silent``."""
        path = f"/v2/models/{quote(model, safe='')}"
        try:
            page = await read_page(self._session, address, self._port, path, MOST_BYTES)
        except Refused:
            raise Silent(f"port {self._port} refuses") from None
        except Unreadable as error:
            if error.status is None or _may_pass(error.status):
                raise Silent(str(error)) from None
            return Said()
        try:
            document = orjson.loads(page)
        except orjson.JSONDecodeError:
            return Said()
        return _said(document) if isinstance(document, dict) else Said()


def _may_pass(status: int) -> bool:
    return status in _NOT_NOW or (status >= 500 and status != _NOT_IMPLEMENTED)


def _said(document: dict[str, Any]) -> Said:
    words = (document.get(name) for name in Said._fields)
    said = Said(*(word if isinstance(word, str) else "" for word in words))
    return said if _FINGERPRINT.fullmatch(said.fingerprint) else said._replace(fingerprint="")
