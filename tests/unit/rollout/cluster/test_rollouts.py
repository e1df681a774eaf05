import json

import pytest

from trellis.rollout.cluster.rollouts import COMMAND, Rollout, rollout


def asked(text: str) -> Rollout:
    metadata = {
        "namespace": "shop",
        "name": "tomato",
        "uid": "1",
        "resourceVersion": "1",
        "generation": 1,
        "annotations": {COMMAND: text},
    }
    return rollout({"metadata": metadata})


def test_one_command_or_a_list_is_read() -> None:
    pause, resume = {"id": "1", "do": "pause"}, {"id": "2", "do": "resume"}
    assert [c.do for c in asked(json.dumps(pause)).commands()] == ["pause"]
    assert [c.do for c in asked(json.dumps([pause, resume])).commands()] == ["pause", "resume"]
    assert (asked("").commands(), asked("").unread_commands()) == ((), ())


def test_one_that_cannot_be_read_takes_no_other_along() -> None:
    entries = [{"id": "1", "do": "dance"}, {"id": "2", "do": "abort"}, "pause"]
    found = asked(json.dumps(entries))
    assert [command.do for command in found.commands()] == ["abort"]
    first, last = found.unread_commands()
    assert first.startswith("trellis.dev/command[0].do: Input should be 'pause'")
    assert last.startswith("trellis.dev/command[2]: ")


@pytest.mark.parametrize("text", ["pause", "{", "[" * 5000])
def test_what_is_no_json_is_told(text: str) -> None:
    (sentence,) = asked(text).unread_commands()
    assert sentence.startswith("trellis.dev/command is no JSON")
    assert asked(text).commands() == ()
