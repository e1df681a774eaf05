"""What was measured of a row, held against its targets."""

from dataclasses import dataclass

from tests.bench.footprint import Footprint
from tests.bench.rows import Row, Target
from tests.bench.timing import Window


@dataclass(frozen=True)
class Verdict:
    """A target and what came of it; ``by_cpu`` is the same ratio of the servers' CPU seconds."""

    what: str
    wanted: str
    got: str
    reached: bool
    by_cpu: str = ""


@dataclass(frozen=True)
class Measured:
    """A row and the middle window of each contestant, by title."""

    row: Row
    windows: dict[str, Window]

    def of(self, name: str) -> Window:
        """By title, else the first contestant in that role."""
        if name in self.windows:
            return self.windows[name]
        title = next(c.title for c in self.row.contestants if c.role == name)
        return self.windows[title]

    def ratio(self, target: Target) -> float:
        """Ours over theirs, in requests a second."""
        return self.of(target.ours).rate / self.of(target.of).rate

    def verdicts(self) -> list[Verdict]:
        """Every target of the row."""
        found = [
            Verdict(
                f"{self.row.title}: against {target.of}",
                f"≥ {target.factor:g}x",
                f"{self.ratio(target):.3g}x",
                self.ratio(target) >= target.factor,
                f"{self.of(target.of).cpu_per_1000 / self.of(target.ours).cpu_per_1000:.3g}x",
            )
            for target in self.row.targets
        ]
        if self.row.most_p99 is not None:
            p99 = self.of("trellis").p99
            found.append(
                Verdict(
                    f"{self.row.title}: p99",
                    f"≤ {self.row.most_p99:g} ms",
                    f"{p99:.1f} ms",
                    p99 <= self.row.most_p99,
                )
            )
        return found


def footprint_verdicts(found: dict[str, Footprint], most: float = 0.3) -> list[Verdict]:
    """Ours, the first, over the stock server's, for each of the three."""
    ours, stock = found.values()
    pairs = {
        "process start to ready": (ours.seconds_to_ready, stock.seconds_to_ready),
        "resident memory": (ours.resident_mb, stock.resident_mb),
        "installed size": (ours.installed_mb, stock.installed_mb),
    }
    return [
        Verdict(
            f"{what}: against kserve + TensorFlow",
            f"≤ {most:g}x",
            f"{mine / theirs:.2f}x",
            mine / theirs <= most,
        )
        for what, (mine, theirs) in pairs.items()
    ]
