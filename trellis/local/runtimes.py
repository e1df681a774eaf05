"""The serving runtimes of ``manifests/runtimes``: our own server, each with arguments of its own."""

#: Arguments by runtime, beside the model's name and folder. One machine answers REST and gRPC
#: whatever the runtime, and computes on the device that it has.
RUNTIMES: dict[str, tuple[str, ...]] = {
    "trellis": (),
    "trellis-gpu": (),
    "trellis-grpc": (),
    "trellis-keras": ("--engine=keras",),
    "trellis-sklearn": ("--engine=sklearn",),
}
#: The one that a model of our format gets where it names none.
DEFAULT = "trellis"
