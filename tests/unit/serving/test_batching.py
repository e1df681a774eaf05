"""Batches: how they form, who shares one, what fails alone, when they end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from trellis.serving.batching import Batcher, Limits, Observers, total_rows
from trellis.serving.errors import CallerGone, DeadlineExceeded, Fault, NotReady, Overloaded
from trellis.serving.types import Tensors, bytes_array


class Gate:
    """A computation that can be held, and remembers each batch it was given."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()
        self.batches: list[list[float]] = []

    def __call__(self, tensors: Tensors) -> Tensors:
        values = tensors["x"]
        self.batches.append(values.tolist())
        self.entered.set()
        assert self.open.wait(10)
        if (values == 13).any():
            raise ValueError("thirteen")
        return {"y": values * 2}


@asynccontextmanager
async def batching(
    compute: Callable[[Tensors], Tensors], observe: Observers | None = None, **limits: Any
) -> AsyncIterator[Batcher]:
    # A gate that is held looks like a slow model, so a target far away keeps batches whole.
    bounds = Limits(**{"latency_target": 1000, **limits})
    batcher = Batcher(compute, bounds, observe or Observers(), "test")
    yield batcher
    await asyncio.wait_for(batcher.close(), 10)


def rows(*values: float) -> Tensors:
    return {"x": np.array(values)}


def submit(batcher: Batcher, *values: float, timeout: float = 10) -> asyncio.Future[Tensors]:
    return batcher.submit(rows(*values), len(values), timeout)


async def held(gate: Gate, batcher: Batcher) -> asyncio.Future[Tensors]:
    """One request inside the closed gate, so that what follows has to gather."""
    gate.open.clear()
    gate.entered.clear()
    first = submit(batcher, 0)
    await asyncio.to_thread(gate.entered.wait, 10)
    return first


async def test_a_lone_request_does_not_wait_for_others() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        assert (await submit(batcher, 1, 2))["y"].tolist() == [2, 4]
    assert gate.batches == [[1, 2]]


async def test_requests_of_one_turn_of_the_loop_share_a_batch() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        answers = await asyncio.gather(*(submit(batcher, number) for number in range(5)))
    assert gate.batches == [[0, 1, 2, 3, 4]]
    assert [answer["y"].tolist() for answer in answers] == [[0], [2], [4], [6], [8]]


async def test_while_one_batch_computes_the_next_gathers() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await held(gate, batcher)
        later = []
        for number in (1, 2, 3):
            later.append(submit(batcher, number))
            await asyncio.sleep(0.01)
        assert batcher.queued_rows == 3
        gate.open.set()
        await asyncio.gather(first, *later)
    assert gate.batches == [[0], [1, 2, 3]]


async def test_a_batch_is_cut_at_its_bound_and_a_larger_request_goes_whole() -> None:
    gate = Gate()
    async with batching(gate, max_batch_rows=4) as batcher:
        first = await held(gate, batcher)
        later = [submit(batcher, *range(size)) for size in (3, 2, 6, 1)]
        gate.open.set()
        await asyncio.gather(first, *later)
    assert [len(batch) for batch in gate.batches] == [1, 3, 2, 6, 1]


async def test_the_bound_adapts_to_the_latency_target() -> None:
    sizes: list[int] = []

    def slow(tensors: Tensors) -> Tensors:
        sizes.append(len(tensors["x"]))
        time.sleep(0.01 * len(tensors["x"]))  # ten milliseconds a row: four rows fit the target
        return tensors

    async with batching(slow, latency_target=0.045) as batcher:
        await submit(batcher, 0)
        await asyncio.gather(*(submit(batcher, number) for number in range(12)))
    assert max(sizes) <= 4
    assert max(sizes) >= 2


async def test_a_bad_row_fails_alone() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        answers = await asyncio.gather(
            *(submit(batcher, number) for number in (1, 13, 2)), return_exceptions=True
        )
    assert isinstance(answers[1], Fault)
    assert isinstance(answers[1].__cause__, ValueError)
    assert [answer["y"].tolist() for answer in answers[::2] if isinstance(answer, dict)] == [
        [2],
        [4],
    ]


async def test_only_arrays_of_one_layout_are_joined() -> None:
    sizes: list[tuple[int, ...]] = []

    def compute(tensors: Tensors) -> Tensors:
        sizes.append(tensors["x"].shape)
        return {"y": tensors["x"].reshape(len(tensors["x"]), -1)[:, 0].copy()}

    shapes = [(1, 2), (1, 2), (1, 3), (1, 2)]
    async with batching(compute) as batcher:
        await asyncio.gather(
            *(batcher.submit({"x": np.zeros(shape)}, 1, 10) for shape in shapes),
            batcher.submit({"x": np.zeros((1, 2), np.float32)}, 1, 10),
        )
    assert sizes == [(2, 2), (1, 3), (1, 2), (1, 2)]


async def test_bytes_are_joined_too() -> None:
    async with batching(lambda tensors: {"y": tensors["x"]}) as batcher:
        one, two = await asyncio.gather(
            *(batcher.submit({"x": bytes_array([value])}, 1, 10) for value in (b"a", b"bb"))
        )
    assert (one["y"].tolist(), two["y"].tolist()) == ([b"a"], [b"bb"])


async def test_each_request_has_a_deadline_of_its_own() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await held(gate, batcher)
        long = submit(batcher, 1, timeout=20)
        short = submit(batcher, 2, timeout=0.05)  # nearer than the one that is watched
        with pytest.raises(DeadlineExceeded, match="no answer within the deadline"):
            await asyncio.wait_for(short, 5)
        assert not long.done()
        gate.open.set()
        assert (await long)["y"].tolist() == [2]
        await first
    assert [2] not in gate.batches, "what has expired is not computed"


async def test_a_deadline_passes_inside_the_computation_too() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        gate.open.clear()
        with pytest.raises(DeadlineExceeded):
            await submit(batcher, 1, timeout=0.05)
        gate.open.set()
        assert (await submit(batcher, 2))["y"].tolist() == [4]


async def test_a_full_queue_refuses_at_once_and_takes_again_later() -> None:
    gate = Gate()
    async with batching(gate, max_queue_rows=3) as batcher:
        first = await held(gate, batcher)
        second = submit(batcher, 1, 2)
        with pytest.raises(Overloaded, match="2 rows are waiting, at most 3 may"):
            submit(batcher, 3, 4)
        third = submit(batcher, 5)
        gate.open.set()
        await asyncio.gather(first, second, third)
        assert (await submit(batcher, *range(9)))["y"].size == 9, "an empty queue takes any size"


async def test_what_its_caller_has_left_is_not_computed() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await held(gate, batcher)
        submit(batcher, 1).cancel()
        kept = submit(batcher, 2)
        gate.open.set()
        await asyncio.gather(first, kept)
    assert gate.batches == [[0], [2]]


async def test_close_finishes_what_was_accepted_and_refuses_the_rest() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        accepted = [await held(gate, batcher), submit(batcher, 1)]
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(NotReady):
            submit(batcher, 2)
        assert not closing.done()
        gate.open.set()
        await closing
        assert [future.result()["y"].tolist() for future in accepted] == [[0], [2]]
        batcher._thread.join(5)
        assert not batcher._thread.is_alive()


async def test_abandon_answers_all_who_wait_and_lets_close_return() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        waiting = [await held(gate, batcher), submit(batcher, 1)]
        batcher.abandon()
        for future in waiting:
            with pytest.raises(NotReady, match="shutting down"):
                await future
        await asyncio.wait_for(batcher.close(), 1)
        gate.open.set()


async def test_it_reports_batches_waits_depth_and_outputs() -> None:
    seen: dict[str, list[Any]] = {"batch": [], "waited": [], "depth": [], "computed": []}
    observe = Observers(
        lambda count, seconds: seen["batch"].append((count, seconds)),
        seen["waited"].append,
        seen["depth"].append,
        seen["computed"].append,
    )
    async with batching(Gate(), observe) as batcher:
        await asyncio.gather(submit(batcher, 1, 2), submit(batcher, 3))
    ((count, seconds),) = seen["batch"]
    assert count == 3
    assert 0 < seconds < 5
    assert len(seen["waited"]) == 2
    assert seen["depth"][-1] == 0
    assert [len(outputs["y"]) for outputs in seen["computed"]] == [2, 1]


def test_decoded_arrays_must_agree_on_their_rows() -> None:
    assert total_rows({"a": np.zeros((2, 3)), "b": np.zeros(2)}) == 2
    with pytest.raises(ValueError, match="different rows"):
        total_rows({"a": np.zeros((2, 3)), "b": np.zeros(3)})


async def test_rows_of_a_caller_who_has_gone_are_not_computed() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await held(gate, batcher)
        left = batcher.submit(rows(7), 1, 10, gone=lambda: True)
        stays = batcher.submit(rows(8), 1, 10, gone=lambda: False)
        gate.open.set()
        await first
        assert (await stays)["y"].tolist() == [16]
        with pytest.raises(CallerGone):
            await left
    assert gate.batches == [[0], [8]]


async def test_no_rows_are_refused_and_the_next_request_is_answered() -> None:
    async with batching(Gate()) as batcher:
        with pytest.raises(ValueError, match="0 rows"):
            submit(batcher)
        assert (await submit(batcher, 1))["y"].tolist() == [2]


async def test_a_metric_that_fails_costs_no_answer_and_no_later_batch() -> None:
    def fail(_: Tensors) -> None:
        raise AttributeError("a label that is no bytes")

    async with batching(Gate(), Observers(computed=fail)) as batcher:
        assert (await submit(batcher, 1))["y"].tolist() == [2]
        assert (await submit(batcher, 2))["y"].tolist() == [4]


async def test_a_predictor_that_stops_iterating_does_not_stall_the_version() -> None:
    def compute(tensors: Tensors) -> Tensors:
        if tensors["x"][0] == 1:
            next(iter(()))
        return {"y": tensors["x"]}

    async with batching(compute) as batcher:
        with pytest.raises(Fault):
            await submit(batcher, 1)
        assert (await submit(batcher, 2))["y"].tolist() == [2]


class Where:
    """A computation that remembers its threads, and takes ``seconds``."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.threads: list[int] = []

    def __call__(self, tensors: Tensors) -> Tensors:
        self.threads.append(threading.get_ident())
        time.sleep(self.seconds)
        return {"y": tensors["x"] * 2}


@asynccontextmanager
async def on_loop(compute: Callable[[Tensors], Tensors], **limits: Any) -> AsyncIterator[Batcher]:
    batcher = Batcher(compute, Limits(**limits), Observers(), "test", on_loop=True)
    yield batcher
    await asyncio.wait_for(batcher.close(), 10)


async def test_brief_batches_are_computed_on_the_loop_once_they_are_known_to_be() -> None:
    where = Where()
    async with on_loop(where) as batcher:
        for value in range(50):
            assert (await submit(batcher, value))["y"].tolist() == [2 * value]
    here = threading.get_ident()
    assert where.threads[0] != here
    assert where.threads[-1] == here


async def test_a_batch_that_would_hold_the_loop_goes_to_the_thread() -> None:
    where = Where(seconds=0.003)
    async with on_loop(where) as batcher:
        for value in range(20):
            await submit(batcher, value)
    assert threading.get_ident() not in where.threads


async def test_one_slow_batch_on_the_loop_sends_the_next_to_the_thread() -> None:
    where = Where()
    async with on_loop(where) as batcher:
        for value in range(50):
            await submit(batcher, value)
        where.seconds = 0.2
        await submit(batcher, 50)
        where.threads.clear()
        await submit(batcher, 51)
    assert threading.get_ident() not in where.threads


async def test_a_full_queue_on_the_loop_is_answered_batch_by_batch() -> None:
    where = Where()
    async with on_loop(where, max_batch_rows=1) as batcher:
        await submit(batcher, 0)
        waiting = [submit(batcher, value) for value in range(2000)]
        answers = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert [answer["y"].tolist() for answer in answers] == [[2 * value] for value in range(2000)]
    assert len(where.threads) == 2001


async def test_a_bad_row_on_the_loop_fails_alone() -> None:
    gate = Gate()
    async with on_loop(gate) as batcher:
        for _ in range(30):
            await submit(batcher, 1)
        good, bad = submit(batcher, 1), submit(batcher, 13)
        with pytest.raises(Fault):
            await bad
        assert (await good)["y"].tolist() == [2]
