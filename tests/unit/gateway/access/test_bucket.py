import pytest

from trellis.gateway.access.bucket import Bucket, Lease, Rate


@pytest.mark.parametrize(
    ("rate", "block"),
    [
        (Rate(100, 200), 10),
        (Rate(1000, 50), 5),
        (Rate(5, 1000), 1),
        (Rate(1000, 9), 1),
        (Rate(0.1, 1), 1),
    ],
)
def test_a_block_is_a_tenth_of_a_second_and_of_the_burst(rate: Rate, block: int) -> None:
    assert rate.block == block


def test_nothing_is_granted_without_a_lease() -> None:
    bucket = Bucket(Rate(10, 20), 0)
    assert not bucket.take(1)
    assert bucket.wait(1, 0) == 0


def test_leased_tokens_are_spent_one_by_one() -> None:
    bucket = Bucket(Rate(10, 20), 0)
    bucket.leased(Lease(2, 18.0), 0)
    assert [bucket.take(1), bucket.take(1), bucket.take(1)] == [True, True, False]


def test_an_empty_redis_is_not_asked_before_it_can_have_something() -> None:
    bucket = Bucket(Rate(10, 20), 0)
    bucket.leased(Lease(0, 0.5), 100)
    assert bucket.wait(1, 100) == pytest.approx(0.05)
    assert bucket.wait(3, 100) == pytest.approx(0.25)
    assert bucket.wait(1, 100.06) == 0


def test_redis_grants_whole_tokens_so_a_fraction_waits_for_a_whole_one() -> None:
    bucket = Bucket(Rate(10, 20), 0)
    bucket.leased(Lease(2, 0.7), 0)
    assert not bucket.take(2.5)
    assert bucket.wait(2.5, 0) == pytest.approx(0.03)


def test_what_remains_counts_both_places_and_never_more_than_the_burst() -> None:
    bucket = Bucket(Rate(10, 20), 0)
    assert bucket.remaining(0) == (20, 0)
    bucket.leased(Lease(5, 3.5), 0)
    assert bucket.remaining(0) == (8, 2)
    assert bucket.remaining(1000) == (20, 0)


def test_the_next_block_is_wanted_before_the_last_token_is_spent() -> None:
    bucket = Bucket(Rate(100, 200), 0)
    bucket.leased(Lease(10, 100.0), 0)
    assert not bucket.low
    assert bucket.take(6)
    assert bucket.low
    small = Bucket(Rate(1, 10), 0)
    assert not small.low
