"""TLS Secrets as documents."""

import base64

from scripts.cluster.certificates import Pair
from scripts.cluster.documents import Document


def tls(namespace: str, name: str, pair: Pair) -> Document:
    """A Secret of type `kubernetes.io/tls`."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": base64.b64encode(pair.certificate).decode(),
            "tls.key": base64.b64encode(pair.key).decode(),
        },
    }
