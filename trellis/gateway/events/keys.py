"""Names of the events' keys; one hash tag, so that a script may touch them all."""

from trellis.contracts.event_keys import EventStreams


class EventKeys(EventStreams):
    """Those that gateways keep for themselves beside the streams."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self.audit = f"{self.root}audit"
        #: Hash: second in which entries of the request index, and of outcomes, run out to their bytes.
        self.index_bytes = f"{self.root}index-bytes"

    def writer(self, writer: str) -> str:
        """A process's last written batch, so that one sent again is not written twice."""
        return f"{self.root}writer:{writer}"

    def request(self, request_id: str) -> str:
        """The request index: what served, as the middle part of an outcome's JSON."""
        return f"{self.root}request:{request_id}"

    def outcome(self, request_id: str, kind: str) -> str:
        """What was said of a request, as ``TIME MARK`` (``store.mark_of``)."""
        return f"{self.root}outcome:{kind}:{request_id}"

    def counts(self, experiment: str) -> str:
        """Hash: ``<what>:<arm>`` to a number, and ``version:<arm>``."""
        return f"{self.root}counts:{experiment}"

    def units(self, experiment: str, arm: str) -> str:
        """HyperLogLog of the units that an arm met."""
        return f"{self.root}units:{experiment}:{arm}"
