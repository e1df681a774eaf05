from prometheus_client import CollectorRegistry, Gauge

from trellis.rollout.phases import Phases


def test_each_object_is_in_one_phase() -> None:
    registry = CollectorRegistry()
    phases = Phases(Gauge("things", "Things by phase", ("phase",), registry=registry))
    for name, phase in (("a", "Idle"), ("b", "Idle"), ("a", "Running"), ("a", "Running")):
        phases.put(("farm", name), phase)

    def counted() -> list[float | None]:
        return [registry.get_sample_value("things", {"phase": p}) for p in ("Idle", "Running")]

    assert counted() == [1, 1]
    for _ in range(2):
        phases.drop(("farm", "b"))
    assert counted() == [0, 1]
