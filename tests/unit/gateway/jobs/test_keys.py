import pytest

from trellis.gateway.jobs.keys import JobId, JobKeys, new_epoch, new_name, read_id


def test_an_id_is_read_as_it_was_written() -> None:
    made = JobId(new_epoch(), new_name())
    assert read_id(str(made)) == made


@pytest.mark.parametrize(
    "text", ["", "-", "0" * 33, f"{'0' * 8}-{'g' * 24}", f"{'0' * 8}-{'0' * 24}\n", "é" * 33]
)
def test_what_was_never_written_is_no_id(text: str) -> None:
    assert read_id(text) is None


def test_names_do_not_repeat() -> None:
    assert len({new_name() for _ in range(1000)}) == 1000


def test_every_key_is_below_the_prefix_and_in_one_slot_of_a_cluster() -> None:
    keys = JobKeys("mine")
    for key in (*keys.all, keys.job("n"), keys.idempotency("d")):
        assert key.startswith("mine:{jobs}:")
    assert len(set(keys.all)) == len(keys.all)
