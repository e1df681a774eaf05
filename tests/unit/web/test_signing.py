import base64
import hashlib
import hmac

import pytest

from trellis.web.signing import WebhookSigner

ONE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_the_example_of_the_standard_gets_its_signature() -> None:
    headers = WebhookSigner(ONE).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_secret_signs_so_that_a_receiver_may_have_either() -> None:
    signatures = WebhookSigner(f"{ONE} {OTHER}").headers("id", 7, b"body")["webhook-signature"]
    known = hmac.digest(bytes(range(32)), b"id.7.body", hashlib.sha256)
    first, second = signatures.split(" ")
    assert first == WebhookSigner(ONE).headers("id", 7, b"body")["webhook-signature"]
    assert second == "v1," + base64.b64encode(known).decode()


@pytest.mark.parametrize(
    "secrets",
    [
        "",
        " ",
        "plainly-wrong",
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        f"{ONE} short",
    ],
)
def test_a_secret_of_another_form_is_refused_and_not_repeated(secrets: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must be") as refused:
        WebhookSigner(secrets)
    assert not any(word in str(refused.value) for word in secrets.split() if word != "whsec_")
