import json
from dataclasses import replace

from trellis.contracts.rollout_status import HistoryEntry
from trellis.rollout.notifications.event import Subject, message_of
from trellis.rollout.plan.decision import Notification

TOMATO = Subject("9f3a", "tomato", "shop", "tomato", stable="v1", canary="v2")
ROLLED_BACK = HistoryEntry(
    time=1_800_000_000.5,
    what="rolledBack",
    version="v2",
    weight=0,
    message="errors: 12 of 200 requests against 1 of 3,800",
)


def test_a_step_is_a_cloud_event_with_all_that_is_known_of_it() -> None:
    event = json.loads(message_of(TOMATO, Notification(7, ROLLED_BACK)).body)
    assert event == {
        "specversion": "1.0",
        "id": "9f3a-7",
        "type": "dev.trellis.rollout.rolledBack",
        "source": "/namespaces/shop/rollouts/tomato",
        "subject": "tomato",
        "time": "2027-01-15T08:00:00.500+00:00",
        "datacontenttype": "application/json",
        "text": "shop/tomato: rolledBack v2 at 0 %: errors: 12 of 200 requests against 1 of 3,800",
        "data": {
            "rollout": "tomato",
            "namespace": "shop",
            "inferenceService": "tomato",
            "versions": {"stable": "v1", "canary": "v2"},
            "number": 7,
            "entry": {
                "time": 1_800_000_000.5,
                "what": "rolledBack",
                "version": "v2",
                "weight": 0,
                "message": "errors: 12 of 200 requests against 1 of 3,800",
                "actor": "",
            },
        },
    }


def test_a_step_has_its_id_for_good_and_no_other_has_it() -> None:
    step = Notification(7, ROLLED_BACK)
    first = message_of(TOMATO, step)
    later = message_of(replace(TOMATO, canary="v3"), step)
    assert first.id == later.id
    others = {
        message_of(TOMATO, Notification(8, ROLLED_BACK)).id,
        message_of(replace(TOMATO, uid="77b0"), step).id,
    }
    assert first.id not in others
    assert len(others) == 2


def test_who_asked_for_it_is_named_and_what_is_unknown_is_left_out() -> None:
    paused = HistoryEntry(time=0.0, what="paused", actor="ada")
    event = json.loads(message_of(Subject("u", "r", "n", "s"), Notification(1, paused)).body)
    assert event["text"] == "n/r: paused (ada)"
    assert event["data"]["versions"] == {"stable": None, "canary": None}
