"""The limit of a model: decode and compute in a loop, without any server.

Run as ``python -m tests.bench.peers.loop KIND FOLDER INPUT SECONDS``; prints a JSON line.
``picture`` decodes the file INPUT each time with the decoder that serves; ``tensor`` reads it once.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.peers import artefacts
from tests.bench.timing import percentiles
from trellis.serving.engines.onnx import open_engine
from trellis.serving.types import Tensors


def picture(folder: Path, given: Path) -> Callable[[], Tensors]:
    """Decode the JPEG, scale it, run ONNX Runtime."""
    wanted = artefacts.preprocessing(folder)
    engine = open_engine(folder / "model.onnx", threads=1)
    data = given.read_bytes()
    return lambda: engine.run({"image": wanted.scaled(wanted.pixels(data)[None])})


def tensor(folder: Path, given: Path) -> Callable[[], Tensors]:
    """Run ONNX Runtime on the same array again and again."""
    engine = open_engine(folder / "model.onnx", threads=1)
    array = np.frombuffer(given.read_bytes(), dtype=np.float32).reshape(1, 224, 224, 3)
    return lambda: engine.run({"image": array})


def main() -> None:
    """Call for the seconds given and print what it took."""
    kind, folder, given, seconds = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    call = {"picture": picture, "tensor": tensor}[kind](folder, given)
    (scores,) = call().values()
    latencies: list[float] = []
    cpu, started = time.process_time(), time.perf_counter()
    end = started + float(seconds)
    while (began := time.perf_counter()) < end:
        call()
        latencies.append(time.perf_counter() - began)
    print(
        json.dumps(
            {
                "requests": len(latencies),
                "seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - cpu,
                "resident_mb": _resident_mb(),
                "best": int(scores.argmax()),
                **percentiles(latencies),
            }
        )
    )


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
