"""Asks the gateway whether it is ready, closed and up to date; only Python is needed.

Arguments: its address, `keys` or `open`, and the models that it should know. A key, where there is
one, is in TRELLIS_ADMIN_KEY.
"""

import http.client
import json
import os
import sys
import urllib.parse
from collections.abc import Iterator, Sequence

_TIMEOUT = 10.0


def ask(address: str, method: str, path: str, key: str | None = None) -> tuple[int, bytes]:
    """Status and body of one answer of the gateway at ``address``. Raises ``OSError`` where there is
    none within ten seconds.
    """
    parts = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def problems(address: str, auth: str, models: Sequence[str]) -> Iterator[str]:
    """What is not as it should be, a sentence each. Raises ``OSError``."""
    status, body = ask(address, "GET", "/health")
    if status != 200:
        yield f"/health answers {status}: {body[:200].decode(errors='replace')}"
        return
    key = os.environ.get("TRELLIS_ADMIN_KEY")
    status, _ = ask(address, "GET", "/v2/models/any/ready")
    if (status == 401) is not (auth == "keys"):
        yield f"without a key it answers {status}, though auth is {auth}"
    if auth == "keys" and not key:
        return
    status, body = ask(address, "GET", "/v2/models", key)
    known = json.loads(body)["models"] if status == 200 else []
    missing = sorted(set(models) - set(known))
    if status != 200 or missing:
        yield f"/v2/models answers {status} and lacks {', '.join(missing) or 'nothing'}"


def main() -> int:
    """Ask; returns the exit code."""
    address, auth, *models = sys.argv[1:]
    try:
        found = list(problems(address, auth, models))
    except OSError as error:
        found = [f"{address} does not answer: {error!r}"]
    print(
        "\n".join(found)
        or f"{address}: ready, auth is {auth}, knows {', '.join(models) or 'no model'}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
