import pytest

from trellis.gateway.units import COOKIE, CookieSigner, unit_of

SIGNER = CookieSigner("one secret")


def cookie(value: str) -> bytes:
    return f"a=b; {COOKIE}={value}; c=d".encode()


def test_a_signed_unit_comes_back() -> None:
    value = SIGNER.new_value()
    assert SIGNER.unit_in(cookie(value)) == value.partition(".")[0].encode()


def test_every_visitor_gets_another_unit() -> None:
    assert len({SIGNER.new_value() for _ in range(100)}) == 100


def test_replicas_with_one_secret_know_each_others_units() -> None:
    value = SIGNER.new_value()
    assert CookieSigner("one secret").unit_in(cookie(value)) is not None
    assert CookieSigner("another secret").unit_in(cookie(value)) is None


def _flip(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


@pytest.mark.parametrize("place", [0, 21, 23, 64])
def test_an_altered_cookie_is_refused(place: int) -> None:
    assert SIGNER.unit_in(cookie(_flip(SIGNER.new_value(), place))) is None


@pytest.mark.parametrize(
    "value",
    ["", ".", "x" * 22, "x" * 22 + "." + "A" * 43, "x" * 22 + "." + "A" * 42, "é.é"],
    ids=["empty", "dot", "unsigned", "forged", "short", "not-ascii"],
)
def test_a_forged_cookie_is_refused(value: str) -> None:
    assert SIGNER.unit_in(cookie(value)) is None


def test_a_cookie_of_another_name_is_none_of_ours() -> None:
    assert SIGNER.unit_in(f"not_{COOKIE}={SIGNER.new_value()}".encode()) is None
    assert SIGNER.unit_in(None) is None


def test_a_good_cookie_behind_a_forged_one_counts() -> None:
    value = SIGNER.new_value()
    forged = f"{COOKIE}={'x' * 22}.{'A' * 43}; {COOKIE}={value}".encode()
    assert SIGNER.unit_in(forged) == value.partition(".")[0].encode()


@pytest.mark.parametrize(("secure", "flag"), [(True, True), (False, False)])
def test_the_cookie_is_out_of_scripts_reach(*, secure: bool, flag: bool) -> None:
    header = SIGNER.set_cookie("v", secure=secure)
    assert "; HttpOnly" in header
    assert "; SameSite=Lax" in header
    assert ("; Secure" in header) is flag


def test_the_header_goes_before_the_cookie_before_the_key_before_the_request() -> None:
    value = SIGNER.new_value()
    known = value.partition(".")[0].encode()
    assert unit_of(b"me", cookie(value), "k", "r", SIGNER) == (b"me", True)
    assert unit_of(None, cookie(value), "k", "r", SIGNER) == (known, True)
    assert unit_of(None, cookie("forged"), "k", "r", SIGNER) == (b"k", True)
    assert unit_of(b"", None, None, "r", SIGNER) == (b"r", False)
