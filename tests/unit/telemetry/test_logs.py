"""JSON lines: one format for our own and the standard library's, off the caller's thread."""

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from trellis.telemetry import logs


class Slow(io.StringIO):
    """A stream that does not take the first write until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()

    def write(self, text: str) -> int:
        self.open.wait(10)
        return super().write(text)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_event_and_the_fields_given() -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", stream=stream)
    structlog.get_logger().info("loaded", model="tomato", rows=3)
    writer.close()
    (line,) = lines(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "trellis.test",
        "event": "loaded",
        "model": "tomato",
        "rows": 3,
    }


def test_the_standard_library_takes_the_same_road() -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", stream=stream)
    logging.getLogger("somebody").warning("odd %s", "thing")
    writer.close()
    (line,) = lines(stream)
    assert (line["level"], line["logger"], line["event"]) == ("warning", "somebody", "odd thing")


def test_a_library_s_warning_is_a_line_too() -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    writer.close()
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "old ways" in line["event"]


def test_an_exception_is_a_field_of_one_line() -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", stream=stream)
    try:
        raise ValueError("in here")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
        logging.getLogger("somebody").exception("failed too")
    writer.close()
    assert ["ValueError: in here" in line["exception"] for line in lines(stream)] == [True, True]


@pytest.mark.parametrize(("level", "count"), [("debug", 3), ("info", 2), ("error", 1)])
def test_the_level_decides_what_is_written(level: str, count: int) -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", level, stream=stream)
    log = structlog.get_logger()
    log.debug("one")
    log.info("two")
    log.error("three")
    writer.close()
    assert len(lines(stream)) == count


def test_what_orjson_does_not_know_is_written_as_text() -> None:
    stream = io.StringIO()
    writer = logs.configure("trellis.test", stream=stream)
    structlog.get_logger().info("odd", value={1}, error=ValueError("x"))
    writer.close()
    (line,) = lines(stream)
    assert (line["value"], line["error"]) == ("{1}", "x")


def test_a_slow_stream_holds_up_nobody_and_what_is_dropped_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "QUEUE_BOUND", 3)
    stream = Slow()
    writer = logs.LineWriter(stream)
    for number in range(20):
        writer.put({"event": number})
    stream.open.set()
    writer.close()
    written = lines(stream)
    assert len(written) < 20
    assert sum(line.get("dropped_lines", 0) for line in written) == 20 - len(written)


def test_an_end_does_not_wait_for_ever_for_a_reader_that_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "QUEUE_BOUND", 3)
    monkeypatch.setattr(logs, "CLOSE_SECONDS", 0.1)
    stream = Slow()
    writer = logs.LineWriter(stream)
    for number in range(20):
        writer.put({"event": number})
    closing = threading.Thread(target=writer.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    stream.open.set()
    writer.close()
    assert not writer._thread.is_alive()


def test_a_stream_that_breaks_does_not_end_the_writer() -> None:
    stream = io.StringIO()
    writer = logs.LineWriter(stream)
    stream.close()
    writer.put({"event": "lost"})
    writer.close()
    assert not writer._thread.is_alive()
