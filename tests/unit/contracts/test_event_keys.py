from trellis.contracts.event_keys import EventStreams
from trellis.gateway.events.keys import EventKeys
from trellis.rollout.events.keys import FoldKeys


def test_both_ends_share_the_streams_and_nothing_else() -> None:
    shared = set(vars(EventStreams("trellis")).values())
    gateway, controller = EventKeys("trellis"), FoldKeys("trellis")
    of_gateway = {
        *vars(gateway).values(),
        gateway.writer("w"),
        gateway.request("w"),
        gateway.outcome("w", "state"),
        gateway.counts("w"),
        gateway.units("w", "units"),
    }
    of_controller = {
        *vars(controller).values(),
        controller.state("w"),
        controller.units("w"),
        controller.ripening("w"),
    }
    assert of_gateway & of_controller == shared
    assert {key[: key.index("}")] for key in of_gateway | of_controller} == {"trellis:{events"}


def test_a_prefix_keeps_others_apart() -> None:
    assert EventStreams("one").exposures != EventStreams("two").exposures
