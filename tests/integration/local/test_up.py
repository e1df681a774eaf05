"""A local run from its start to its end."""

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.integration.local.conftest import (
    BODY,
    ROOT,
    Start,
    Up,
    children_of,
    is_running,
    manifest,
    other_ports,
    version_that_said,
)
from tests.integration.local.load import Load
from tests.integration.ports import free_port

USERS = [f"user-{number}" for number in range(1500)]


def within(count: int, total: int, share: float, error: float = 1e-6) -> bool:
    """Whether ``count`` of ``total`` is what chance gives, but for ``error`` of the time.

    Hoeffding's bound, exact at every size (Hoeffding 1963, theorem 1).
    """
    return abs(count / total - share) <= math.sqrt(math.log(2 / error) / (2 * total))


def test_a_canary_gets_its_share_and_a_user_keeps_the_version_after_a_restart_too(
    start: Start,
) -> None:
    """Shares hold but for 1e-6 of the time; the users are fixed, so the test is too."""
    up = start(manifest("v1"))
    assert set(up.versions_of(USERS[:50]).values()) == {"v1"}
    up.edit(manifest("v2", 20))
    up.wait_for("diabetes-00001 80 %, diabetes-00002 20 %")
    up.wait_for_table(2)
    first = up.versions_of(USERS)
    assert within(list(first.values()).count("v2"), len(USERS), 0.2)
    assert up.versions_of(USERS) == first

    up.edit(manifest("v2", 50))
    up.wait_for_table(3)
    wider = up.versions_of(USERS)
    assert within(list(wider.values()).count("v2"), len(USERS), 0.5)
    assert all(wider[user] == "v2" for user in USERS if first[user] == "v2")

    assert up.stop() == 0
    again = start()
    assert again.versions_of(USERS) == wider
    # The version that a caller asks for is served whatever the weights say.
    asked = again.predict("user-0", "/v2/models/diabetes/versions/v2/infer")
    assert asked["model_version"] == "v2"


def test_edits_under_load_lose_no_request(start: Start) -> None:
    up = start(manifest("v1"))
    with Load(up.url) as load:
        time.sleep(0.5)
        up.edit(manifest("v2", 20))
        up.wait_for("diabetes-00001 80 %, diabetes-00002 20 %")
        time.sleep(0.5)
        up.edit(manifest("v2"))
        up.wait_for("diabetes-00001 drained and stopped")
        up.edit(manifest("v2", 0))
        up.wait_for("diabetes-00001 100 %, diabetes-00002 0 %")
        up.edit(manifest("v1", 10))
        up.wait_for("diabetes-00001 90 %, diabetes-00003 10 %")
        up.wait_for("diabetes-00002 drained and stopped")
        time.sleep(0.5)
    assert load.failures == 0, (load.codes, load.refused, load.broken)
    assert set(load.versions) == {"v1", "v2"}
    assert sum(load.codes.values()) > 200


def test_a_killed_predictor_costs_the_requests_inside_it(start: Start) -> None:
    up = start(manifest("v1"))
    workers = 8
    with Load(up.url, workers) as load:
        time.sleep(0.5)
        os.kill(up.running("trellis.serving"), signal.SIGKILL)
        up.wait_for("diabetes-00001 ready", times=2)
        time.sleep(0.5)
    # Each worker has one request under way: no more than that can have been inside.
    assert load.failures <= workers, (load.codes, load.refused, load.broken)
    assert load.refused == 0
    assert "killed by SIGKILL" in up.said()


def test_a_killed_gateway_comes_back(start: Start) -> None:
    up = start(manifest("v1"))
    os.kill(up.running("trellis.gateway"), signal.SIGKILL)
    up.wait_for("gateway killed by SIGKILL")
    deadline = time.monotonic() + 30
    while True:
        try:
            assert up.version_of("somebody") == "v1"
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, up.said()
            time.sleep(0.1)
        else:
            break


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    ids=["ctrl-c", "terminate", "terminal closed"],
)
def test_stopping_answers_what_it_accepted_and_leaves_no_process(
    start: Start, number: signal.Signals
) -> None:
    up = start(manifest("v1"))
    with socket.create_connection(("127.0.0.1", up.http_port)) as slow:
        head = f"POST /v2/models/diabetes/infer HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(BODY)}"
        slow.sendall(f"{head}\r\n\r\n".encode() + BODY[:20])
        time.sleep(0.5)
        up.process.send_signal(number)
        up.wait_for("stopping: waiting for gateway")
        time.sleep(0.5)
        slow.sendall(BODY[20:])
        answer = slow.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"probabilities" in answer
    assert up.process.wait(60) == 0, up.said()
    # The gateway, the worker, two Redis and the predictor.
    assert len(up.children) == 5
    assert not [pid for pid in up.children if is_running(pid)]
    # A command must not ask where nobody listens any more.
    assert not (up.folder / "state" / "controller.json").exists()


def test_stopping_under_load_breaks_no_answer(start: Start) -> None:
    up = start(manifest("v1"))
    workers = 8
    with Load(up.url, workers) as load:
        time.sleep(1)
        assert up.stop() == 0
    assert set(load.codes) == {200}, load.codes
    # The kernel resets connections that wait to be accepted when the port closes: nobody has
    # seen their request. Each worker can have one of those, and is refused from then on.
    assert all("reset" in error for error in load.broken), load.broken
    assert len(load.broken) <= workers


def test_a_killed_run_leaves_no_process(start: Start) -> None:
    up = start(manifest("v1"))
    up.process.kill()
    up.process.wait()
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in up.children):
        assert time.monotonic() < deadline, up.children
        time.sleep(0.05)


def test_a_half_written_manifest_changes_nothing_until_it_is_whole(start: Start) -> None:
    up = start(manifest("v1"))
    whole = manifest("v2", 20)
    up.edit(whole[: whole.index("modelFormat")] + "modelFormat: {name: [")
    up.wait_for("not YAML")
    assert up.version_of("somebody") == "v1"
    up.edit("")
    up.wait_for("no InferenceService is left; the last good state stays")
    up.manifest.unlink()
    up.wait_for("holds no .yaml")
    assert up.version_of("somebody") == "v1"
    up.edit(whole)
    up.wait_for("diabetes-00001 80 %, diabetes-00002 20 %")


UNFIT = {
    "a control character": ("spec:\n", "spec: \x07\n"),
    "a list for a number": ("  predictor:\n", "  predictor:\n    minReplicas: [1]\n"),
    "half a URI": ("pvc://models/diabetes/v2", "'pvc://[models'"),
    "a list within itself": ("{name: trellis}", "&a [*a]"),
}


def test_an_unfit_edit_is_told_and_changes_nothing(start: Start) -> None:
    users = [f"user-{number}" for number in range(20)]
    up = start(manifest("v1"))
    for number, (what, (old, new)) in enumerate(UNFIT.items(), 1):
        percent = 10 * number
        before = up.versions_of(users)
        unfit = manifest("v2", percent).replace(old, new)
        assert unfit != manifest("v2", percent), what
        up.edit(unfit)
        up.wait_for("the last good state stays", times=number)
        assert up.versions_of(users) == before, what
        up.edit(manifest("v2", percent))
        up.wait_for(f"diabetes-00001 {100 - percent} %, diabetes-00002 {percent} %")
        up.wait_for_table(number + 1)
    assert up.stop() == 0


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "0.0.0.0"])
def test_it_answers_at_the_address_it_is_given(start: Start, host: str) -> None:
    up = start(manifest("v1"), host=host)
    assert up.version_of("somebody") == "v1"


def test_an_environment_for_another_predictor_changes_nothing(start: Start) -> None:
    environment = {"TRELLIS_PATH": "models/squares/v1", "TRELLIS_REVISION": "another"}
    environment |= {"TRELLIS_WORKERS": "2", "TRELLIS_MODEL_NAME": "squares"}
    up = start(manifest("v1"), environment=environment)
    assert up.version_of("somebody") == "v1"
    # The gateway keeps the revision's name to itself, so the predictor is asked.
    words = Path(f"/proc/{up.running('trellis.serving')}/cmdline").read_text().split("\0")
    url = f"http://127.0.0.1:{words[words.index('--http_port') + 1]}/v2/models/diabetes/infer"
    request = urllib.request.Request(url, data=BODY)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["x-model-revision"] == "diabetes-00001"
        assert version_that_said(json.load(answer)) == "v1"
    assert not children_of(up.running("trellis.serving"))  # one process, no workers


def test_a_reader_that_leaves_does_not_keep_the_run_from_its_end(
    tmp_path: Path,
) -> None:
    """``trellis up | head -1``."""
    (tmp_path / "m.yaml").write_text(manifest("v1"))
    http_port = free_port()
    command = [
        sys.executable, "-m", "trellis.cli", "up", str(tmp_path / "m.yaml"),
        "--state", str(tmp_path / "state"),
        "--http_port", str(http_port), *other_ports(),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdout.readline()
            process.stdout.close()
            up = Up(tmp_path, http_port, process, tmp_path / "none")
            deadline = time.monotonic() + 60
            while True:
                try:
                    assert up.version_of("somebody") == "v1"
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_service_is_drained_even_where_its_successor_cannot_start(
    start: Start, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models" / "diabetes", models / "diabetes")
    (models / "diabetes" / "v2" / "model.onnx").write_bytes(b"not what was published")
    up = start(manifest("v1"), models=models)
    up.edit(manifest("v2", name="other"))
    up.wait_for("diabetes-00001 drained and stopped")
    with pytest.raises(urllib.error.HTTPError) as caught:
        up.predict("somebody")
    with caught.value as answer:
        assert answer.code == 404
    up.edit(manifest("v1", name="other"))
    up.wait_for("other-00002 ready")
    up.wait_for_table(3)
    assert version_that_said(up.predict("somebody", "/v2/models/other/infer")) == "v1"


def test_a_version_that_cannot_start_gets_no_traffic(start: Start, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models" / "diabetes", models / "diabetes")
    shutil.copytree(models / "diabetes" / "v2", models / "diabetes" / "broken")
    artefact = models / "diabetes" / "broken" / "model.onnx"
    artefact.write_bytes(artefact.read_bytes() + b"x")
    up = start(manifest("v1"), models=models)
    with Load(up.url) as load:
        up.edit(manifest("broken", 50))
        up.wait_for("diabetes-00002 exited with")
        time.sleep(1)
    assert load.failures == 0
    assert set(load.versions) == {"v1"}
    # The next edit is not held up by it.
    up.edit(manifest("v2", 50))
    up.wait_for("diabetes-00001 50 %, diabetes-00003 50 %")


def test_a_service_added_and_taken_away(start: Start) -> None:
    up = start(manifest("v1"))
    other = up.manifest.with_name("other.yaml")
    other.write_text(manifest("v2", name="other"))
    up.wait_for("other-00001 ready")
    up.wait_for_table(2)
    assert version_that_said(up.predict("somebody", "/v2/models/other/infer")) == "v2"
    other.unlink()
    up.wait_for("other-00001 drained and stopped")
    with pytest.raises(urllib.error.HTTPError) as caught:
        up.predict("somebody", "/v2/models/other/infer")
    with caught.value as answer:
        assert answer.code == 404
    assert up.version_of("somebody") == "v1"


def test_two_runs_do_not_share_a_state(start: Start) -> None:
    up = start(manifest("v1"))
    second = start(wait=False)
    assert second.process.wait(30) == 1
    assert "another `trellis up` runs" in second.said()
    assert up.version_of("somebody") == "v1"


def test_a_second_ctrl_c_does_not_wait(start: Start) -> None:
    up = start(manifest("v1"))
    with socket.create_connection(("127.0.0.1", up.http_port)) as slow:
        slow.sendall(
            b"POST /v2/models/diabetes/infer HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n"
        )
        time.sleep(0.5)
        up.process.send_signal(signal.SIGINT)
        up.wait_for("stopping: waiting for gateway")
        assert up.stop() == 130
    assert not [pid for pid in up.children if is_running(pid)]


def test_a_taken_port_is_told(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        up = start(manifest("v1"), wait=False, http_port=taken.getsockname()[1])
        assert up.process.wait(30) == 1
    assert "choose another: --http_port" in up.said()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (manifest("v9"), "does not exist; "),
        (manifest("v1", 101), "is 101; expected a whole number from 0 to 100"),
        (manifest("v1").replace("pvc://", "s3://"), "s3:// is fetched in a cluster"),
    ],
    ids=["missing version", "bad weight", "bucket"],
)
def test_what_cannot_run_is_refused_before_anything_starts(
    start: Start, text: str, words: str
) -> None:
    up = start(text, wait=False)
    assert up.process.wait(30) == 1
    assert words in up.said()
    assert "Traceback" not in up.said()
