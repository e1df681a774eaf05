"""Greedy micro-batches: while one computes, the next gathers; nobody waits for a timer.

A batch closes when the compute thread is free or when it is full. Its bound adapts: rows per
batch are held to what fits into the latency target at the speed last seen. A batch that fails
is computed again request by request, so that a bad row fails alone.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trellis.serving.errors import DeadlineExceeded, DoesNotFit, NotReady, Overloaded
from trellis.serving.types import Tensors, rows_of

#: Weight of the newest batch in the running estimate of seconds per row.
_NEWEST = 0.2
#: The share of the latency target that leaves room to try a larger batch.
_WELL_IN_TIME = 0.8


@dataclass(slots=True)
class Limits:
    """Bounds of one version's batches and queue; times in seconds."""

    max_batch_rows: int = 256
    max_queue_rows: int = 4096
    latency_target: float = 0.01


@dataclass(slots=True, eq=False)
class _Item:
    tensors: Tensors
    rows: int
    future: asyncio.Future[Tensors]
    deadline: float
    arrived: float
    result: Tensors | Exception | None = None


@dataclass(slots=True)
class _Batch:
    items: list[_Item]
    rows: int
    started: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Observers:
    """What the batcher reports, each called on the event loop."""

    batch: Callable[[int, float], None] = lambda _rows, _seconds: None
    waited: Callable[[float], None] = lambda _seconds: None
    depth: Callable[[int], None] = lambda _rows: None
    computed: Callable[[Tensors], None] = lambda _outputs: None


@dataclass(slots=True)
class _Estimate:
    seconds_per_row: float = 0.0
    #: One row more than the last batch, where that was well in time. Where a batch costs much
    #: whatever its size, seconds per row fall as it grows, and only trying shows it.
    worth_trying: int = 0

    def update(self, seconds: float, rows: int, target: float) -> None:
        sample = seconds / rows
        self.worth_trying = rows + 1 if seconds <= _WELL_IN_TIME * target else 0
        self.seconds_per_row += (
            _NEWEST * (sample - self.seconds_per_row) if self.seconds_per_row else sample
        )


@dataclass(slots=True)
class _State:
    pending: deque[_Item] = field(default_factory=deque)
    queued_rows: int = 0
    busy: bool = False
    scheduled: bool = False
    closed: bool = False
    watch: asyncio.TimerHandle | None = None
    watched: float = 0.0
    running: list[_Item] = field(default_factory=list)


class Batcher:
    """Gathers the requests of one loaded version and computes them on a thread of its own.

    Parameters: ``compute``, tensors of any number of rows to outputs of as many rows, called
    on the thread; ``limits``; ``observe``, the metrics. Use from one event loop only.
    """

    def __init__(
        self, compute: Callable[[Tensors], Tensors], limits: Limits, observe: Observers, name: str
    ) -> None:
        self._compute = compute
        self._limits = limits
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._state = _State()
        self._estimate = _Estimate()
        self._idle = asyncio.Event()
        self._idle.set()
        self._inbox: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"compute-{name}", daemon=True)
        self._thread.start()

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._state.queued_rows

    def submit(self, tensors: Tensors, rows: int, timeout: float) -> asyncio.Future[Tensors]:
        """A future of these rows' outputs, in order.

        It raises ``DeadlineExceeded`` after ``timeout`` seconds and what the computation raised
        for these rows alone. Raises ``Overloaded`` at once where the queue is full.
        """
        state = self._state
        if state.closed:
            raise NotReady("the version is being unloaded")
        if state.queued_rows + rows > self._limits.max_queue_rows and state.queued_rows:
            raise Overloaded(
                f"{state.queued_rows} rows are waiting, at most {self._limits.max_queue_rows} may; try again"
            )
        now = self._loop.time()
        item = _Item(tensors, rows, self._loop.create_future(), now + timeout, now)
        state.pending.append(item)
        state.queued_rows += rows
        if not state.busy and not state.scheduled:
            self._idle.clear()
            # The callbacks of this turn of the loop come first: requests that are here already join.
            state.scheduled = True
            self._loop.call_soon(self._start)
        if state.watch is None or item.deadline < state.watched:
            self._watch(item.deadline)
        return item.future

    async def close(self) -> None:
        """Refuse new rows, finish those accepted, stop the thread."""
        self._state.closed = True
        await self._idle.wait()
        self._inbox.put(None)
        if self._state.watch is not None:
            self._state.watch.cancel()

    def abandon(self) -> None:
        """Refuse new rows and answer ``NotReady`` to all that wait; a computation is left behind."""
        self._state.closed = True
        for item in (*self._state.running, *self._state.pending):
            if not item.future.done():
                item.future.set_exception(NotReady("the server is shutting down"))
        self._idle.set()

    def _bound(self) -> int:
        per_row = self._estimate.seconds_per_row
        if per_row <= 0:
            return self._limits.max_batch_rows
        in_time = int(self._limits.latency_target / per_row)
        return max(1, min(self._limits.max_batch_rows, max(in_time, self._estimate.worth_trying)))

    def _start(self) -> None:
        state = self._state
        state.scheduled = False
        items: list[_Item] = []
        rows = 0
        bound = self._bound()
        layout: object = None
        while state.pending:
            item = state.pending[0]
            if item.future.done():  # expired or its caller has gone
                state.pending.popleft()
                state.queued_rows -= item.rows
                continue
            if items and (rows + item.rows > bound or _layout(item.tensors) != layout):
                break
            if not items:
                layout = _layout(item.tensors)
            state.pending.popleft()
            items.append(item)
            rows += item.rows
        state.queued_rows -= rows
        self._observe.depth(state.queued_rows)
        if not items:
            state.busy = False
            self._idle.set()
            return
        now = self._loop.time()
        for item in items:
            self._observe.waited(now - item.arrived)
        state.busy = True
        state.running = items
        self._inbox.put(_Batch(items, rows))

    def _finished(self, batch: _Batch) -> None:
        self._estimate.update(batch.seconds, batch.rows, self._limits.latency_target)
        self._observe.batch(batch.rows, batch.seconds)
        self._state.running = []
        for item in batch.items:
            result = item.result
            if item.future.done():
                continue
            if isinstance(result, Exception):
                item.future.set_exception(result)
            elif result is not None:
                self._observe.computed(result)
                item.future.set_result(result)
        self._start()

    def _expire(self) -> None:
        state = self._state
        state.watch = None
        now = self._loop.time()
        left = [item for item in (*state.running, *state.pending) if not item.future.done()]
        for item in left:
            if item.deadline <= now:
                item.future.set_exception(DeadlineExceeded("no answer within the deadline"))
        waiting = [item.deadline for item in left if item.deadline > now]
        if waiting:
            self._watch(min(waiting))

    def _watch(self, deadline: float) -> None:
        """One timer a batcher: it stands at the nearest deadline."""
        if self._state.watch is not None:
            self._state.watch.cancel()
        self._state.watched = deadline
        self._state.watch = self._loop.call_at(deadline, self._expire)

    def _work(self) -> None:
        while (batch := self._inbox.get()) is not None:
            batch.started = time.perf_counter()
            self._compute_batch(batch.items)
            batch.seconds = time.perf_counter() - batch.started
            try:
                self._loop.call_soon_threadsafe(self._finished, batch)
            except RuntimeError:  # the loop has closed: nobody waits any more
                return

    def _compute_batch(self, items: list[_Item]) -> None:
        if len(items) == 1:
            self._compute_alone(items[0])
            return
        try:
            joined = {
                name: np.concatenate([i.tensors[name] for i in items]) for name in items[0].tensors
            }
            outputs = self._checked(joined, sum(item.rows for item in items))
        except Exception:  # noqa: BLE001 - whatever a predictor raises, the others' rows go on
            for item in items:
                self._compute_alone(item)
            return
        reached = 0
        for item in items:
            end = reached + item.rows
            item.result = {name: array[reached:end] for name, array in outputs.items()}
            reached = end

    def _compute_alone(self, item: _Item) -> None:
        try:
            item.result = self._checked(item.tensors, item.rows)
        except Exception as error:  # noqa: BLE001 - raised where the request waits
            item.result = error

    def _checked(self, tensors: Tensors, rows: int) -> Tensors:
        outputs = self._compute(tensors)
        if not outputs or any(array.shape[:1] != (rows,) for array in outputs.values()):
            shapes = {name: list(array.shape) for name, array in outputs.items()}
            raise ValueError(f"the predictor returned {shapes} for {rows} rows")
        for name, array in outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise DoesNotFit(f"output {name!r} is not a finite number for this input")
        return outputs


def _layout(tensors: Tensors) -> object:
    """Equal for requests whose arrays can be joined along dimension 0."""
    if len(tensors) == 1:
        (array,) = tensors.values()
        return (array.dtype, array.shape[1:])
    return tuple((name, array.dtype, array.shape[1:]) for name, array in tensors.items())


def total_rows(tensors: Tensors) -> int:
    """Rows of decoded tensors; raises ``ValueError`` where the arrays disagree."""
    rows = rows_of(tensors)
    if len(tensors) > 1 and any(array.shape[:1] != (rows,) for array in tensors.values()):
        shapes: dict[str, Any] = {name: list(array.shape) for name, array in tensors.items()}
        raise ValueError(f"decode returned arrays of different rows: {shapes}")
    return rows
