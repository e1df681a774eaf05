"""Greedy micro-batches: while one computes, the next gathers; nobody waits for a timer.

A batch closes when the compute thread is free or when it is full. Its bound adapts: rows per
batch are held to what fits into the latency target at the speed last seen. A batch that fails
is computed again request by request, so that a bad row fails alone.

Handing a batch to a thread and its results back costs tens of microseconds. A predictor that
says it needs less (``predict_on_loop``) is computed on the event loop instead, for as long as
its batches are seen to be brief.
"""

import asyncio
import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trellis.serving.computing import Compute, compute_all
from trellis.serving.errors import CallerGone, DeadlineExceeded, NotReady, Overloaded, ServingError
from trellis.serving.thread_calls import in_daemon_thread
from trellis.serving.types import Tensors, rows_of
from trellis.telemetry.logs import get_logger

#: Weight of the newest batch in the running estimate of seconds per row.
_NEWEST = 0.2
#: Seconds that a batch may hold the event loop, by the speed last seen.
_BRIEF = 0.001
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
    gone: Callable[[], bool] | None = None
    result: Tensors | ServingError | None = None


@dataclass(slots=True)
class _Batch:
    items: list[_Item]
    rows: int
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
    on the thread; ``limits``; ``observe``, the metrics; ``on_loop``, whether batches that are
    brief are computed on the event loop. Use from one event loop only.
    """

    def __init__(
        self,
        compute: Compute,
        limits: Limits,
        observe: Observers,
        name: str,
        *,
        on_loop: bool = False,
    ) -> None:
        self._compute = compute
        self._on_loop = on_loop
        self._limits = limits
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._state = _State()
        self._estimate = _Estimate()
        self._idle = asyncio.Event()
        self._idle.set()
        self._inbox: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._thread = in_daemon_thread(self._work, f"compute-{name}")

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._state.queued_rows

    def submit(
        self,
        tensors: Tensors,
        rows: int,
        timeout: float,
        gone: Callable[[], bool] | None = None,
    ) -> asyncio.Future[Tensors]:
        """A future of these rows' outputs, in order.

        ``gone`` tells whether the caller has left: then the rows are not computed, and the future
        raises ``CallerGone``.

        It raises ``DeadlineExceeded`` after ``timeout`` seconds and what the computation raised
        for these rows alone. Raises ``Overloaded`` at once where the queue is full, ``ValueError``
        where there are no rows.
        """
        state = self._state
        if rows < 1:
            raise ValueError(f"{rows} rows were decoded from a request")
        if state.closed:
            raise NotReady("the version is being unloaded")
        if state.queued_rows + rows > self._limits.max_queue_rows and state.queued_rows:
            raise Overloaded(
                f"{state.queued_rows} rows are waiting, at most {self._limits.max_queue_rows} may; try again"
            )
        now = self._loop.time()
        item = _Item(tensors, rows, self._loop.create_future(), now + timeout, now, gone)
        state.pending.append(item)
        state.queued_rows += rows
        if not state.busy and not state.scheduled:
            self._idle.clear()
            # The callbacks of this turn of the loop come first: requests that are here already join.
            self._schedule()
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

    def _schedule(self) -> None:
        self._state.scheduled = True
        self._loop.call_soon(self._start)

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
            if item.gone is not None and not item.future.done() and item.gone():
                item.future.set_exception(CallerGone("the caller has gone"))
            if item.future.done():  # expired, or nobody waits for it
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
        batch = _Batch(items, rows)
        # The first batch goes to the thread: nothing is known of its speed.
        if self._on_loop and 0 < self._estimate.seconds_per_row * rows <= _BRIEF:
            self._run(batch)
            self._settle(batch)
            state.busy = False
            if state.pending:
                self._schedule()
            else:
                self._idle.set()
        else:
            self._inbox.put(batch)

    def _finished(self, batch: _Batch) -> None:
        self._settle(batch)
        self._start()

    def _settle(self, batch: _Batch) -> None:
        """Answer first, then measure; whatever goes wrong here, the next batch starts."""
        self._state.running = []
        try:
            self._estimate.update(batch.seconds, batch.rows, self._limits.latency_target)
            for item in batch.items:
                if item.future.done() or item.result is None:
                    continue
                if isinstance(item.result, ServingError):
                    item.future.set_exception(item.result)
                else:
                    item.future.set_result(item.result)
            self._observe.batch(batch.rows, batch.seconds)
            for item in batch.items:
                if isinstance(item.result, dict):
                    self._observe.computed(item.result)
        except Exception as error:  # noqa: BLE001 - a metric that fails must not stop a version
            get_logger().error("a batch could not be measured", exc_info=error)

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

    def _run(self, batch: _Batch) -> None:
        started = time.perf_counter()
        compute_all(self._compute, batch.items)
        batch.seconds = time.perf_counter() - started

    def _work(self) -> None:
        while (batch := self._inbox.get()) is not None:
            self._run(batch)
            try:
                self._loop.call_soon_threadsafe(self._finished, batch)
            except RuntimeError:  # the loop has closed: nobody waits any more
                return


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
