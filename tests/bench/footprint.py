"""Process start, resident memory and installed size: the slim install beside KServe + TensorFlow."""

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement

from tests.bench.measure import Tell, started
from tests.bench.processes import ROOT
from tests.bench.rows import Contestant, Row

#: What a KServe user installs for a Keras picture model.
_STOCK_INSTALL = ("kserve", "tensorflow-cpu", "pillow")
_ROUNDS = 3


@dataclass(frozen=True)
class Footprint:
    """Seconds from the process' start to ready, memory after one answer, and what is installed."""

    seconds_to_ready: float
    resident_mb: float
    installed_mb: float


def measure(row: Row, scratch: Path, tell: Tell) -> dict[str, Footprint]:
    """Trellis and the stock server on the row's model, started in turns; the middle of three."""
    ours, stock = (_of(row, role) for role in ("trellis", "stock"))
    seen: dict[str, list[tuple[float, float]]] = {ours.title: [], stock.title: []}
    for number in range(_ROUNDS):
        for contestant in (ours, stock):
            tell(f"footprint: start {number + 1} of {_ROUNDS}, {contestant.title}")
            assert contestant.request is not None
            with started(contestant, scratch / "footprint.log") as server:
                server.once(contestant.request)
                seen[contestant.title].append((server.seconds_to_ready, server.resident_mb()))
    installed = {ours.title: closure_mb(_slim()), stock.title: closure_mb(_STOCK_INSTALL)}
    return {
        title: Footprint(
            median(start for start, _ in taken),
            median(memory for _, memory in taken),
            installed[title],
        )
        for title, taken in seen.items()
    }


def closure_mb(wanted: tuple[str, ...]) -> float:
    """Size in 10^6 bytes of the files of these distributions and all they require here.

    Read from what is installed beside the benchmark; compiled bytecode is not counted.
    """
    found: dict[str, Distribution] = {}
    waiting = [Requirement(text) for text in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        extras = frozenset(requirement.extras)
        if (requirement.name.lower(), extras) in seen:
            continue
        seen.add((requirement.name.lower(), extras))
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        found[package.metadata["Name"].lower().replace("_", "-")] = package
        for text in package.requires or ():
            further = Requirement(text)
            if further.marker is None or any(
                further.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append(further)
    return sum(_size(package) for package in found.values()) / 1e6


def _size(package: Distribution) -> int:
    files = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.is_file())


def _slim() -> tuple[str, ...]:
    """The requirements of the `serving` group, and the project's own."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return (*project["dependencies"], *project["optional-dependencies"]["serving"])


def _of(row: Row, role: str) -> Contestant:
    return next(contestant for contestant in row.contestants if contestant.role == role)
