import json

import numpy as np
import pytest

from trellis.rollout.evidence.packing import pack, unpack


def test_every_bit_goes_round_through_json() -> None:
    vector = np.random.default_rng(0).normal(0, 1e5, 130)
    assert np.array_equal(unpack(json.loads(json.dumps(pack(vector))), 130), vector)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "packed numbers"),
        ("!", "no packed numbers"),
        (pack(np.zeros(3)), "expected 4"),
        (pack(np.array([1.0, np.nan, 0.0, 0.0])), "not finite"),
    ],
    ids=["nothing", "no base64", "another size", "no number"],
)
def test_what_is_none_is_refused(text: object, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        unpack(text, 4)
