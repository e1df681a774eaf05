"""Worker processes: one that dies is replaced, one that cannot start ends all."""

import json
import os
import signal
import time
from pathlib import Path

from tests.integration.serving import lab
from tests.integration.serving.process import PredictorProcess


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


def test_a_worker_that_is_killed_is_replaced_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    with PredictorProcess(folder, "--workers", 2, log=tmp_path / "log") as process:
        until = time.monotonic() + 60
        while process.log.count('"event":"ready"') < 2:
            assert time.monotonic() < until, process.log
            time.sleep(0.05)
        first = children(process.child.pid)
        assert len(first) == 2
        time.sleep(5)  # a worker that dies sooner than this counts as one that cannot start
        os.kill(first[0], signal.SIGKILL)
        process.until_log("worker died")
        answered = 0
        while answered < 20 or process.log.count('"event":"ready"') < 3:
            try:
                with process.caller() as caller:
                    body = {"instances": [3]}
                    assert caller.post("/v1/models/squares:predict", body).status == 200
                answered += 1
            except ConnectionError:  # it was in the queue of the one that died
                assert time.monotonic() < until
        second = children(process.child.pid)
        assert len(second) == 2
        assert first[0] not in second
    died = next(line for line in process.log.splitlines() if "worker died" in line)
    assert json.loads(died)["pid"] == first[0]


def test_workers_that_cannot_start_end_the_process_with_their_words(tmp_path: Path) -> None:
    process = PredictorProcess(tmp_path, "--workers", 2, log=tmp_path / "log").launch()
    assert process.wait() == 1
    assert "no model.yaml here" in process.log
