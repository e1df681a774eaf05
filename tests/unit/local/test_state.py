from pathlib import Path

import pytest

from trellis.local.inference_service import Template
from trellis.local.revisions import ServiceState, apply_spec, settle
from trellis.local.state import LocalState, StateError, StateFolder
from trellis.rollout.compile import WeightedRevision, compile_table


def a_state() -> LocalState:
    service = apply_spec(ServiceState(name="tomato"), Template(digest="x"), 20)
    service = settle(service, ["tomato-00001"])
    arm = WeightedRevision(
        url="http://127.0.0.1:1", grpc_address=None, model="tomato", version="v1",
        revision="tomato-00001", fingerprint="", role="stable", weight=100,
    )  # fmt: skip
    return LocalState(
        services={"tomato": service}, table=compile_table({"tomato": [arm]}, None, None)
    )


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "s")
    folder.open()
    state = a_state()
    folder.save(state)
    folder.close()
    assert StateFolder(tmp_path / "s").open() == state


def test_a_failed_write_leaves_the_old_state_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StateFolder(tmp_path)
    folder.open()
    state = a_state()
    folder.save(state)

    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("trellis.local.state.os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        folder.save(LocalState())
    folder.close()
    monkeypatch.undo()
    assert StateFolder(tmp_path).open() == state
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "logs", "state.json"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    first.open()
    with pytest.raises(StateError, match="another `trellis up` runs"):
        StateFolder(tmp_path).open()
    first.close()
    StateFolder(tmp_path).open()


def test_the_controllers_address_goes_with_the_run(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.open()
    folder.tell_controller("http://127.0.0.1:1", "token")
    assert (tmp_path / "controller.json").exists()
    for _ in range(2):
        folder.forget_controller()
        assert not (tmp_path / "controller.json").exists()


def test_a_file_that_is_no_state_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"services": 3}')
    with pytest.raises(StateError, match="move it away"):
        StateFolder(tmp_path).open()


def test_the_cookie_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    state = folder.open()
    folder.save(state)
    folder.close()
    assert StateFolder(tmp_path).open().cookie_secret == state.cookie_secret
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
