"""Chooses where the cluster's parts come from: pulled, or built on this machine."""

import threading
import urllib.error
import urllib.request

from scripts.cluster.settings import Settings, Way

#: What a registry may say: it wants a login, or another path. Other errors are a proxy's own.
_REGISTRY = (401, 404)

#: Seconds that the registry has to answer.
PATIENCE = 2.0


def choose(settings: Settings, registry: str) -> tuple[Way, str]:
    """The way and why it is this one; ``registry`` is the engine's own index address."""
    if settings.way:
        return settings.way, "TRELLIS_CLUSTER_SOURCE says so"
    if answers(registry):
        return "pull", "the image registry answers"
    return "build", f"the image registry did not answer within {PATIENCE:.0f} s"


def answers(url: str, patience: float = PATIENCE) -> bool:
    """Whether a registry answers at ``url`` within ``patience`` seconds."""
    heard = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=patience):  # noqa: S310 # the engine's own https address
                heard.set()
        except urllib.error.HTTPError as error:
            if error.code in _REGISTRY:
                heard.set()
        except (OSError, ValueError):
            pass

    # Looking a name up has no timeout of its own.
    threading.Thread(target=ask, daemon=True).start()
    return heard.wait(patience)
