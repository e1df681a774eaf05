"""Names of the keys: gateways' streams, and what is folded of them."""

from trellis.contracts.event_keys import EventStreams


class FoldKeys(EventStreams):
    """Those that controllers keep beside the streams."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        #: Hash: name of a watch to its JSON.
        self.watches = f"{self.root}watches"

    def state(self, watch: str) -> str:
        """Hash: ``version``, which rises with each change, and ``body``, the folded state's JSON."""
        return f"{self.root}watch:{watch}:state"

    def units(self, watch: str) -> str:
        """Hash: unit to what is remembered of it."""
        return f"{self.root}watch:{watch}:units"

    def ripening(self, watch: str) -> str:
        """Sorted set: ``<measure>:<unit>`` by the second at which its window is over."""
        return f"{self.root}watch:{watch}:ripening"
