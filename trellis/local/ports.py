"""Free loopback ports, and addresses to reach a server at."""

import contextlib
import socket

_handed_out: set[int] = set()


def free_ports(count: int) -> list[int]:
    """``count`` TCP ports of 127.0.0.1 that nothing listens on, none handed out before."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            # Sockets stay open until all are found, so the kernel cannot give one twice.
            bound = stack.enter_context(socket.socket())
            bound.bind(("127.0.0.1", 0))
            port = int(bound.getsockname()[1])
            if port not in _handed_out:
                _handed_out.add(port)
                found.append(port)
        return found


def why_not_free(host: str, port: int) -> str | None:
    """Why a server could not listen there, in the system's words; None where it could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:  # a name that resolves to nothing is one too
        return error.strerror or str(error)
    return None


def reachable(host: str) -> str:
    """Where a server that binds ``host`` is reached from this machine: all addresses are none
    to go to.
    """
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared


def in_url(host: str) -> str:
    """``host`` as URLs write it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
