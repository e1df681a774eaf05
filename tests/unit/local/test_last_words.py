from pathlib import Path

from trellis.local.last_words import last_words

OLD = '{"level":"error","event":"old trouble"}\n'


def test_the_last_error_since_the_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = (
        OLD,
        '{"level":"info","event":"starts"}\n',
        '{"level":"error","event":"file differs","error":"model.onnx"}\n',
        '{"level":"info","event":"bye"}\n',
    )
    log.write_text("".join(lines))
    assert last_words(log, len(OLD)) == "file differs: model.onnx"


def test_else_the_last_line_whatever_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(OLD + "Traceback\n  line\nValueError: no\n\n")
    assert last_words(log, len(OLD)) == "ValueError: no"
    log.write_text(OLD + "[1, 2]\n")
    assert last_words(log, len(OLD)) == "[1, 2]"


def test_silence(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none", 0) == ""
    log = tmp_path / "log"
    log.write_text(OLD)
    assert last_words(log, len(OLD)) == ""
