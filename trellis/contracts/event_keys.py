"""Names of the keys in the durable Redis that gateways write and the controller reads: both ends' alike."""


class EventStreams:
    """Keys below ``prefix``, the setting ``redis_prefix`` of gateways and controllers.

    One hash tag, so that one script may touch them all, with those that either end adds below ``root``.
    """

    def __init__(self, prefix: str) -> None:
        self.root = f"{prefix}:{{events}}:"
        #: Stream of ``trellis.contracts.events.Exposure``.
        self.exposures = f"{self.root}exposures"
        #: Stream of ``trellis.contracts.events.Outcome``.
        self.outcomes = f"{self.root}outcomes"
        #: Hash: ``experiment:<name>`` or ``model:<name>`` to exposures that were dropped. It
        #: goes as counts do, that long after the last loss.
        self.dropped = f"{self.root}dropped"
