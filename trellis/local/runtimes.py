"""The serving runtimes of ``manifests/runtimes``: our own server, each with arguments of its own."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """What a runtime brings; KServe lays the model's own fields over it, one by one."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]
    #: Beside the model's name and folder. One machine answers REST and gRPC whatever the runtime,
    #: and computes on the device that it has.
    args: tuple[str, ...] = ()


def _runtime(request: str, limit: str, *args: str) -> Runtime:
    """A runtime by its memory; all have the same share of a CPU."""
    return Runtime({"cpu": "100m", "memory": request}, {"cpu": "1", "memory": limit}, args)


RUNTIMES: dict[str, Runtime] = {
    "trellis": _runtime("192Mi", "512Mi"),
    "trellis-gpu": _runtime("1Gi", "4Gi"),
    "trellis-grpc": _runtime("192Mi", "512Mi"),
    "trellis-keras": _runtime("704Mi", "1Gi", "--engine=keras"),
    "trellis-sklearn": _runtime("256Mi", "640Mi", "--engine=sklearn"),
}
#: The one that a model of our format gets where it names none.
DEFAULT = "trellis"
