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


def test_workers_drain_when_their_parent_is_killed(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    process = PredictorProcess(folder, "--workers", 2, log=tmp_path / "log").launch()
    process.until_answers()
    workers = children(process.child.pid)
    process.child.kill()
    process.child.wait()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < until, "the workers serve on without their parent"
        time.sleep(0.05)


def test_versions_are_not_unloaded_in_one_of_several_workers(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    with (
        PredictorProcess(folder, "--workers", 2, log=tmp_path / "log") as process,
        process.caller() as caller,
    ):
        refused = caller.post("/v2/repository/models/squares/unload", {})
        assert refused.status == 405
        assert "several workers" in refused.error
        answered = caller.post("/v1/models/squares:predict", {"instances": [3]})
        assert answered.status == 200


def test_workers_that_cannot_start_end_the_process_with_their_words(tmp_path: Path) -> None:
    process = PredictorProcess(tmp_path, "--workers", 2, log=tmp_path / "log").launch()
    assert process.wait() == 1
    assert "no model.yaml here" in process.log
