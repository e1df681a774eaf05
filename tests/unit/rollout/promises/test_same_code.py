"""The simulations' own writing of the evidence says what the evidence says."""

import numpy as np
import pytest

from tests.unit.rollout.promises.histories import Counts, counted, finest_looks
from tests.unit.rollout.promises.many import Many, ManyShares
from trellis.rollout.evidence.ratios import RatioEvidence
from trellis.rollout.evidence.shares import ShareEvidence
from trellis.rollout.looks import Count


@pytest.mark.parametrize("ratio", [0.2, 1.0, 1.5, 8.0], ids="canary {}".format)
def test_many_rollouts_at_once_are_each_as_the_evidence_has_them(ratio: float) -> None:
    random = np.random.default_rng(23)
    totals = finest_looks(4, 250, (2, 10, 50), random)
    counts = counted(totals, np.full(totals[0].shape, 0.03), ratio, random)
    many = Many(1.5, 4)
    single = [RatioEvidence(1.5) for _ in range(4)]
    renewed = 0
    for look in range(counts.canary_totals.shape[1]):
        many.add(Counts(*(column[:, look] for column in counts)))
        for rollout in range(4):
            canary, canary_events, stable, stable_events = (
                float(column[rollout, look]) for column in counts
            )
            single[rollout] = single[rollout].add(
                Count(canary_events, canary), Count(stable_events, stable)
            )
        assert many.log_harm == pytest.approx([one.log_harm for one in single], abs=1e-9)
        assert many.log_within == pytest.approx([one.log_within for one in single], abs=1e-9)
        renewed = max(one.renewal.number for one in single)
    # Where harm is far away its evidence has begun anew on the way.
    assert renewed > 0 or ratio >= 1.5


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05], ids="canary {}".format)
def test_many_shares_at_once_are_each_as_the_evidence_has_them(share: float) -> None:
    random = np.random.default_rng(24)
    many, single = ManyShares(0.01, 4), [ShareEvidence(0.01) for _ in range(4)]
    for _ in range(300):
        totals = random.poisson(20, 4)
        events = random.binomial(totals, share)
        many.add(totals, events)
        single = [
            one.add(Count(float(event), float(total)))
            for one, event, total in zip(single, events, totals, strict=True)
        ]
        assert many.log_harm == pytest.approx([one.log_harm for one in single], abs=1e-9)
