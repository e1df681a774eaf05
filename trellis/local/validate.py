"""`trellis validate`: the parser of `trellis up`, with file, line, field and remedy."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trellis.local import cluster_settings
from trellis.local.checks import check
from trellis.local.cluster_settings import BadSettings, cluster_findings
from trellis.local.custom_resources import CustomResource
from trellis.local.findings import Finding, Severity, worst_first
from trellis.local.governing import governing
from trellis.local.inference_service import InferenceService
from trellis.local.manifests import Reading, read_paths
from trellis.local.nodes import BadNodes, Node, read_nodes
from trellis.local.resources import asked_for

DEFAULT_PATHS = (Path("manifests/base"),)


def read_and_check(paths: Sequence[Path], models: Path, nodes: Sequence[Node] = ()) -> Reading:
    """Services of ``paths`` with every finding; raises ``FileNotFoundError`` as ``read_paths``."""
    reading = read_paths(list(paths))
    for service in reading.services:
        reading.findings.extend(check(service, models, nodes))
    found = governing(reading.services, reading.rollouts, reading.experiments)
    reading.findings.extend(found)
    return reading


def brief_notes(findings: Sequence[Finding]) -> list[str]:
    """One line for each note that several files repeat, as a start shows them."""
    places: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity is Severity.NOTE:
            last = finding.field.rsplit(".", 1)[-1]
            places.setdefault(f"{last}: {finding.problem}", []).append(finding)
    lines = []
    for text, found in places.items():
        first = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        lines.append(f"{text} ({first.file}:{first.line}{more})")
    return lines


def add_paths(parser: argparse.ArgumentParser) -> None:
    """The arguments that `up` and `validate` share."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=list(DEFAULT_PATHS),
        metavar="PATH",
        help="files and folders of YAML, as `kubectl apply -f` takes them (default: manifests/base)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="the folder that pvc://models stands for (default: models)",
    )


def _devices(reading: Reading) -> str:
    """Who asks for which devices, for example ``tomato asks for nvidia.com/gpu``."""
    asked = [
        f"{service.name} asks for {', '.join(devices)}"
        for service in reading.services
        if (devices := [name for name in asked_for(service) if "/" in name])
    ]
    return "; ".join(asked)


def _counted(reading: Reading) -> str:
    """What was read, by kind and name."""
    named: dict[str, Sequence[InferenceService | CustomResource[Any]]] = {
        "InferenceServices": reading.services,
        "Rollouts": reading.rollouts,
        "Experiments": reading.experiments,
    }
    return "; ".join(
        f"{kind}: {', '.join(item.name for item in found) or 'none'}"
        for kind, found in named.items()
        if found or kind == "InferenceServices"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print every finding; 0 where none is an error, else 1, and 2 where a path is missing."""
    parser = argparse.ArgumentParser(
        prog="trellis validate",
        description="Check InferenceServices, Rollouts and Experiments: each finding has its file,"
        " line, field and remedy.",
    )
    add_paths(parser)
    parser.add_argument(
        "--nodes",
        type=Path,
        metavar="FILE",
        help="the cluster's nodes (`kubectl get nodes -o json`, - for standard input): foretells a"
        " pod that no node takes",
    )
    parser.add_argument(
        "--cluster",
        type=Path,
        metavar="FILE",
        help=f"the cluster's settings (`{cluster_settings.COMMAND}`, - for standard input): what a"
        " Rollout would lack there",
    )
    arguments = parser.parse_args(argv)
    try:
        nodes = read_nodes(arguments.nodes) if arguments.nodes else []
        reading = read_and_check(arguments.paths, arguments.models, nodes)
        if arguments.cluster:
            settings = cluster_settings.read_settings(arguments.cluster)
            reading.findings.extend(cluster_findings(settings))
    except (OSError, BadNodes, BadSettings) as error:  # missing, or a folder closed to us
        print(f"trellis validate: {error}", file=sys.stderr)
        return 2
    for finding in worst_first(reading.findings):
        print(finding.text())
    if not nodes and (devices := _devices(reading)):
        print(
            f"{devices}: kubectl get nodes -o json | trellis validate --nodes - ... says whether a"
            " node takes it"
        )
    errors = sum(finding.severity is Severity.ERROR for finding in reading.findings)
    print(f"{_counted(reading)}; errors: {errors}")
    return 1 if errors else 0
