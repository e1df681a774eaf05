import json

from trellis.rollout.experiments.memory import Notice
from trellis.rollout.notifications.experiment import ExperimentSubject

LEAVES = ExperimentSubject("9f3a", "leaves", "shop", "tomato", ("v1", "v2"), winner="v2")


def test_what_happened_is_a_cloud_event() -> None:
    notice = Notice(number=2, time=1_800_000_000.5, what="decided", message="v2 is best.")
    message = LEAVES.message(notice)
    assert (message.id, message.number, message.time) == ("9f3a-2", 2, 1_800_000_000.5)
    assert json.loads(message.body) == {
        "specversion": "1.0",
        "id": "9f3a-2",
        "type": "dev.trellis.experiment.decided",
        "source": "/namespaces/shop/experiments/leaves",
        "subject": "tomato",
        "time": "2027-01-15T08:00:00.500+00:00",
        "datacontenttype": "application/json",
        "text": "shop/leaves: decided: v2 is best.",
        "data": {
            "experiment": "leaves",
            "namespace": "shop",
            "model": "tomato",
            "versions": ["v1", "v2"],
            "winner": "v2",
            "number": 2,
            "entry": {"time": 1_800_000_000.5, "what": "decided", "message": "v2 is best."},
        },
    }
