"""Asks the durable Redis and the cache for their policies; only Python is needed.

Their addresses are in TRELLIS_REDIS_URL and TRELLIS_CACHE_REDIS_URL.
"""

import io
import os
import socket
import ssl
import sys
import urllib.parse

_WANTED = (
    ("TRELLIS_REDIS_URL", {"noeviction"}),
    ("TRELLIS_CACHE_REDIS_URL", {"allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu"}),
)


def policy(url: str, timeout: float = 10) -> str:
    """The maxmemory-policy of the Redis at ``url``. Raises ``OSError`` where it does not answer
    within ``timeout`` seconds, ``ValueError`` with its own words where it refuses.
    """
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 6379), timeout) as plain:
        connection = plain
        if parts.scheme == "rediss":
            connection = ssl.create_default_context().wrap_socket(
                plain, server_hostname=parts.hostname
            )
        with connection.makefile("rwb") as stream:
            if parts.password:
                user = urllib.parse.unquote(parts.username or "default")
                _ask(stream, "AUTH", user, urllib.parse.unquote(parts.password))
            info = str(_ask(stream, "INFO", "memory"))
    found = [line for line in info.splitlines() if line.startswith("maxmemory_policy:")]
    return found[0].partition(":")[2]


def _ask(stream: io.BufferedRWPair, *words: str) -> str:
    encoded = [word.encode() for word in words]
    stream.write(b"*%d\r\n" % len(encoded))
    stream.write(b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
    stream.flush()
    first = stream.readline().decode().rstrip()
    if first.startswith("-"):
        raise ValueError(first[1:])
    if first.startswith("$"):
        return stream.read(int(first[1:]) + 2).decode()
    return first[1:]


def main() -> int:
    """Ask both; returns the exit code."""
    failed = False
    for name, wanted in _WANTED:
        try:
            found = policy(os.environ[name])
        except (OSError, ValueError) as error:
            print(f"{name}: {error!r}")
            failed = True
            continue
        fine = found in wanted
        print(f"{name}: answers, {found}" + ("" if fine else f"; must be {' or '.join(wanted)}"))
        failed = failed or not fine
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
