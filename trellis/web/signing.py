"""Signs what is sent to others, the way of Standard Webhooks 1.0, so that any of its libraries can check them.

Source: the Standard Webhooks specification, "Signature scheme", symmetric.
"""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"


class WebhookSigner:
    """Signs with every secret it is given, so that a receiver may change to the next in peace.

    ``secrets``: one or more, separated by spaces, each ``whsec_`` and the base64 of 24 to 64
    bytes. Raises ``ValueError``, which repeats no secret.
    """

    def __init__(self, secrets: str) -> None:
        self._keys = [_key(word) for word in secrets.split()]
        if not self._keys:
            raise ValueError("a secret is expected")

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers of one attempt; ``timestamp`` in whole seconds since 1970.

        The id stays with the message over all attempts: receivers know a repetition by it.
        """
        signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
        signatures = (
            base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
            for key in self._keys
        )
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def _key(word: str) -> bytes:
    expected = f"a secret must be {PREFIX} and the base64 of 24 to 64 random bytes"
    if not word.startswith(PREFIX):
        raise ValueError(expected)
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(expected) from None
    if not 24 <= len(key) <= 64:
        raise ValueError(expected)
    return key
