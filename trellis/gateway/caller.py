"""Notices a caller that leaves before it is answered, so that nobody computes for nobody."""

import asyncio
from types import TracebackType

from trellis.gateway.body import Body, ClientGone

#: Seconds from one look at whether the body is here to the next. Most answers are there before
#: the first, and watch nothing.
LOOK_SECONDS = 0.05


class WhileCallerWaits:
    """A context that is cancelled when the caller of ``body`` goes away; raises ``ClientGone``.

    The watch begins once the body has arrived: before that, its reader is who notices.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._gone = False
        self._watch: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a caller is waited for in a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        # As asyncio.timeout does: only our own cancellation is ours to translate.
        ours = self._gone and self._task.uncancel() <= self._cancelling
        if ours and isinstance(error, asyncio.CancelledError):
            raise ClientGone from error

    def _look(self) -> None:
        if self._body.arrived:
            self._watch = self._loop.create_task(self._until_gone())
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    async def _until_gone(self) -> None:
        await self._body.caller_gone()
        self._gone = True
        self._task.cancel()
