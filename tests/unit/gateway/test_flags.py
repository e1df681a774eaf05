import pytest

from trellis.gateway.errors import BadRequest
from trellis.gateway.flags import flag


@pytest.mark.parametrize("word", ["true", "1", "yes", "", "TRUE"])
def test_words_that_say_yes(word: str) -> None:
    assert flag(word, "fallback")


@pytest.mark.parametrize("word", [None, "false", "0", "no", "No"])
def test_words_that_say_no(word: str | None) -> None:
    assert not flag(word, "fallback")


def test_any_other_word_is_refused() -> None:
    with pytest.raises(BadRequest, match="'fallback' is 'perhaps', expected true or false"):
        flag("perhaps", "fallback")
