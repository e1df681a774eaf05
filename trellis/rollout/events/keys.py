"""Names of the keys: gateways' streams (``trellis.contracts.events``), and what is folded of them.

One hash tag, so that one script may touch them all.
"""


class FoldKeys:
    """Keys below ``prefix``, the gateways' setting ``redis_prefix``."""

    def __init__(self, prefix: str) -> None:
        self._root = f"{prefix}:{{events}}:"
        self.exposures = f"{self._root}exposures"
        self.outcomes = f"{self._root}outcomes"
        #: Hash, gateways': ``experiment:<name>``, ``model:<name>`` to what was lost.
        self.dropped = f"{self._root}dropped"
        #: Hash: name of a watch to its JSON.
        self.watches = f"{self._root}watches"

    def state(self, watch: str) -> str:
        """Hash: ``version``, which rises with each change, and ``body``, the folded state's JSON."""
        return f"{self._root}watch:{watch}:state"

    def units(self, watch: str) -> str:
        """Hash: unit to what is remembered of it."""
        return f"{self._root}watch:{watch}:units"

    def ripening(self, watch: str) -> str:
        """Sorted set: ``<measure>:<unit>`` by the second at which its window is over."""
        return f"{self._root}watch:{watch}:ripening"
