import asyncio
from pathlib import Path

import pytest

from tests.unit.local.conftest import MODEL_FORM, Write
from trellis.local import session as module
from trellis.local.events import Event
from trellis.local.manifests import Reading
from trellis.local.session import Session
from trellis.local.settings import UpSettings
from trellis.local.state import LocalState, StateFolder
from trellis.local.terminal import PlainLines


class Heard(PlainLines):
    """Notes each event, and may have lost its terminal."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.gone = False

    def on_event(self, event: Event) -> None:
        if self.gone:
            raise BrokenPipeError
        self.texts.append(event.text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def session(write: Write, models: Path, tmp_path: Path, heard: Heard) -> Session:
    folder = StateFolder(tmp_path / "state")
    return Session([write(MODEL_FORM)], models, UpSettings(), folder, LocalState(), heard)


async def test_a_fault_in_taking_an_edit_is_told_and_changes_nothing(
    session: Session, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await session._take_edit()
    assert session._fleet.desired == ["tomato"]

    def fails(*_: object) -> Reading:
        raise TypeError("unhashable type: 'list'")

    monkeypatch.setattr(module, "read_and_check", fails)
    await session._take_edit()
    assert heard.texts == [
        "the edit: TypeError: unhashable type: 'list'; the last good state stays"
    ]
    assert session._fleet.desired == ["tomato"]


def test_a_lost_terminal_does_not_keep_it_from_stopping(session: Session, heard: Heard) -> None:
    heard.gone = True
    session.ask_to_stop()
    assert session._stop.is_set()


async def test_a_task_that_takes_its_cancellation_for_a_timeout_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_SECONDS", 0.01)
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost == 2:
                    raise

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await asyncio.wait_for(module._cancelled(task), 10)
    assert task.cancelled()
    assert lost == 2
