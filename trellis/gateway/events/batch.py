"""Exposures as one document for the script that writes them, pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from trellis.contracts.events import Exposure
from trellis.gateway.events.keys import EventKeys

#: Bytes beside its own text that an entry costs, in the stream and in the request index.
STREAM_OVERHEAD = 64
INDEX_OVERHEAD = 160


class Batch(NamedTuple):
    """``document`` for the script, and the bytes that it adds to the stream."""

    document: bytes
    stream_bytes: int


def dropped_field(exposure: Exposure) -> str:
    """Where a lost exposure is counted."""
    if exposure.experiment is None:
        return f"model:{exposure.model}"
    return f"experiment:{exposure.experiment}"


def joins(exposure: Exposure) -> bytes:
    """What an outcome needs of its exposure: the inside of a JSON object."""
    return orjson.dumps(
        {
            "experiment": exposure.experiment,
            "model": exposure.model,
            "arm": exposure.arm,
            "version": exposure.version,
            "revision": exposure.revision,
            "exposedAt": exposure.time,
            "unit": exposure.unit,
            "sticky": exposure.sticky,
            "propensity": exposure.propensity,
            "shares": exposure.shares,
            "asked": exposure.asked,
            "predicted": exposure.predicted,
        }
    )[1:-1]


def write_batch(
    exposures: Sequence[Exposure],
    dropped: Mapping[str, int],
    window: Callable[[str], float],
    keys: EventKeys,
) -> Batch:
    """One batch. ``dropped`` are counts of exposures lost before it, by ``dropped_field``;
    ``window`` gives a model's attribution window in seconds.

    Requests that asked for a version are stored but not counted: nothing was assigned.
    """
    entries: list[dict[str, Any]] = []
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    versions: defaultdict[str, dict[str, str]] = defaultdict(dict)
    units: defaultdict[str, set[str]] = defaultdict(set)
    stream_bytes = index_bytes = 0
    for exposure in exposures:
        event = exposure.model_dump_json(by_alias=True)
        key, joined = keys.request(exposure.request_id), joins(exposure).decode()
        size = len(key) + len(joined.encode()) + INDEX_OVERHEAD
        stream_bytes += len(event.encode()) + STREAM_OVERHEAD
        index_bytes += size
        entries.append(
            {
                "event": event,
                "key": key,
                "joins": joined,
                "window": max(1, math.ceil(window(exposure.model))),
                "bytes": size,
            }
        )
        if exposure.experiment is not None and not exposure.asked:
            name, arm = keys.counts(exposure.experiment), exposure.arm
            counts[name][f"exposures:{arm}"] += 1
            if exposure.code >= 500:
                counts[name][f"errors:{arm}"] += 1
            if exposure.revision == arm:
                versions[name][f"version:{arm}"] = exposure.version
            units[keys.units(exposure.experiment, arm)].add(exposure.unit)
    document = {
        "entries": entries,
        "index_bytes": index_bytes,
        "counts": counts,
        "versions": versions,
        "units": {key: sorted(values) for key, values in units.items()},
        "ours": Counter(map(dropped_field, exposures)),
        "dropped": dict(dropped),
    }
    return Batch(orjson.dumps(document), stream_bytes)
