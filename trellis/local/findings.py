"""What is wrong with a manifest, where, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  #: wrong in a cluster too
    CLUSTER_ONLY = "cluster-only"  #: fine in a cluster, cannot run on this machine
    NOTE = "note"  #: runs, but something in it is not honoured on this machine


@dataclass(frozen=True)
class Finding:
    """One finding: ``field`` (dotted path) at ``file``:``line`` and what the reader can do."""

    severity: Severity
    file: Path
    line: int
    field: str
    problem: str
    remedy: str = ""

    def text(self) -> str:
        """One line, or two where there is a remedy."""
        where = f"{self.file}:{self.line}: {self.severity}: "
        field = f"{self.field}: " if self.field else ""
        remedy = f"\n    remedy: {self.remedy}" if self.remedy else ""
        return f"{where}{field}{self.problem}{remedy}"


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Errors, then what only a cluster runs, then notes; each in the order of the files."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))
