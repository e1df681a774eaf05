"""A call on a thread whose outcome comes back to the event loop, whatever the call raises."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True, eq=False)
class ThreadCall(Generic[Value]):
    """``run`` on a thread, then ``settle`` on the loop; ``future`` is for whoever waits.

    ``doing`` names it in the error that stands for one no future takes.
    """

    doing: str
    call: Callable[[], Value]
    future: asyncio.Future[Value]
    result: Value | None = None
    error: Exception | None = None

    def run(self) -> None:
        """Make the call, unless nobody waits; a ``sys.exit`` in it ends neither thread nor loop."""
        if self.future.cancelled():
            return
        try:
            self.result = self.call()
        except StopIteration as error:  # no future takes it
            self.error = self._wrapped(error)
        except Exception as error:  # noqa: BLE001 - raised where the future is awaited
            self.error = error
        except BaseException as error:  # noqa: BLE001 - see above
            self.error = self._wrapped(error)

    def settle(self) -> None:
        """Hand the outcome to the future, unless it has one."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # run has set it

    def _wrapped(self, error: BaseException) -> RuntimeError:
        wrapped = RuntimeError(f"{self.doing} raised {type(error).__name__}")
        wrapped.__cause__ = error
        return wrapped


def in_daemon_thread(call: Callable[[], None], name: str) -> threading.Thread:
    """Run ``call`` on a thread that does not keep the process from ending."""
    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    return thread
