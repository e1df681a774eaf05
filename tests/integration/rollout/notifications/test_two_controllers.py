"""Two controllers look after the same Rollout; one of them tells of each step."""

from tests.integration.rollout.lab import Lab
from tests.integration.rollout.notifications.receiver import Receiver
from tests.integration.rollout.test_controller import begin
from tests.integration.rollout.waiting import until


async def test_two_controllers_tell_of_each_step_once(lab: Lab) -> None:
    receiver = Receiver()
    async with (
        receiver.up(),
        lab.controller(told=receiver.url),
        lab.controller(webhook=False, told=receiver.url),
    ):
        await begin(lab)
        await lab.applies("v2")
        status = await lab.until_phase("Promoted", version="v2")
        history = [entry["what"] for entry in status["history"]]
        await until(lambda: len(receiver.ids) >= len(history))
    assert [event["type"].rpartition(".")[2] for event in receiver.events] == history
    assert set(receiver.attempts.values()) == {1}
