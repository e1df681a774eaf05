"""Whether the process in this container is ready: exit code 0 or 1, and the reason on 1.

The ``HEALTHCHECK`` of every image. Looks where the environment says that the process listens
(``TRELLIS_HTTP_PORT``, ``TRELLIS_SSL_CERTFILE``); one that was told by flags needs a check of
its own. Needs the standard library only.
"""

import http.client
import os
import ssl
import sys

SECONDS = 2.0


def problem() -> str | None:
    """What stands in the way of readiness, ``None`` where nothing does."""
    port = int(os.environ.get("TRELLIS_HTTP_PORT") or 8080)
    connection: http.client.HTTPConnection
    if os.environ.get("TRELLIS_SSL_CERTFILE"):
        # The certificate is made out to the service's name, and this is the process itself.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - see the line above
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return f"port {port} does not answer: {error}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"not ready: {answer.status}"


def main() -> int:
    """Print a problem if there is one; returns the exit code."""
    found = problem()
    if found is not None:
        print(found)
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
