"""JSON lines to standard output, written by a thread of their own.

A caller only builds a dictionary and puts it on a queue; rendering and writing happen off
the hot path. Lines of the standard library's ``logging`` (uvicorn, kserve, grpc) take the
same road, so one process speaks one format.
"""

import atexit
import contextlib
import logging
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog

Event = MutableMapping[str, Any]

#: A log that cannot be written fast enough is cut rather than let memory grow.
QUEUE_BOUND = 10_000
#: The longest that an end waits for its last lines, all in all.
CLOSE_SECONDS = 5.0


class LineWriter:
    """Renders events as JSON and writes them, in order, on a daemon thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[Event | None] = queue.Queue(QUEUE_BOUND)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Queue one event; past ``QUEUE_BOUND`` it is dropped and counted in a later line."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what is queued and stop; give up where nobody has read for ``CLOSE_SECONDS``."""
        until = time.monotonic() + CLOSE_SECONDS
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(timeout=max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            if self._dropped:
                event["dropped_lines"], self._dropped = self._dropped, 0
            self._write(event)

    def _write(self, event: Event) -> None:
        try:
            self._stream.write(orjson.dumps(event, default=str).decode() + "\n")
            self._stream.flush()
        except (
            OSError,
            ValueError,
            TypeError,
        ):  # a closed or broken stream must not end the thread
            self._dropped += 1


def _event(level: str, message: str, logger: str) -> Event:
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    return {"time": now, "level": level, "logger": logger, "event": message}


class _ToWriter(logging.Handler):
    """Standard-library records as events."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        event = _event(record.levelname.lower(), record.getMessage(), record.name)
        if record.exc_info:
            event["exception"] = "".join(traceback.format_exception(*record.exc_info))
        self._writer.put(event)


def _stamp(logger_name: str) -> Callable[[Any, str, Event], Event]:
    def stamp(_logger: object, level: str, event: Event) -> Event:
        error = event.pop("exc_info", None)
        line = _event(level, str(event.pop("event", "")), logger_name)
        line.update(event)
        if error:
            info = sys.exc_info() if error is True else (type(error), error, error.__traceback__)
            line["exception"] = "".join(traceback.format_exception(*info))
        return line

    return stamp


class _Sink:
    """The logger that structlog wraps: hands finished events to the writer."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def msg(self, **event: object) -> None:
        self._writer.put(event)

    debug = info = warning = error = critical = msg


def configure(process: str, level: str = "info", stream: TextIO | None = None) -> LineWriter:
    """Send all logs of this process to ``stream`` (standard output) as JSON lines.

    ``process`` becomes the ``logger`` field; ``level`` is one of debug, info, warning, error.
    Returns the writer, which is closed at exit.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    writer = LineWriter(stream or sys.stdout)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _stamp(process)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Sink(writer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_ToWriter(writer)]
    root.setLevel(max(number, logging.INFO))
    logging.captureWarnings(capture=True)
    for noisy in ("uvicorn.access", "asyncio", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for own in ("uvicorn", "uvicorn.error", "kserve", "kserve.trace"):
        logger = logging.getLogger(own)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(max(number, logging.WARNING))
    atexit.register(writer.close)
    return writer


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The process's logger; keyword arguments become fields of the line."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())
