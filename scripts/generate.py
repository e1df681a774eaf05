"""Writes the files that follow from the code: JSON Schemas, ``docs/settings.md``, ``.env.example``,
Grafana's boards, the definitions of custom resources, the charts' schemas and tables of values, and
their copies of manifests.

``--check`` writes nothing and fails where a file is not what its source says.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from scripts.charts.outputs import chart_outputs, stale_copies
from scripts.manifests import boards
from trellis.contracts.control import Experiments, ModelStates
from trellis.contracts.events import AuditEntry, Exposure, Outcome
from trellis.contracts.experiment import Experiment, ExperimentStatus
from trellis.contracts.model_yaml import ModelYaml
from trellis.contracts.routing_table import RoutingTable
from trellis.gateway.settings import Settings as GatewaySettings
from trellis.local.settings import UpSettings
from trellis.rollout.crds import definitions
from trellis.rollout.resources import KINDS
from trellis.rollout.settings import Settings as RolloutSettings
from trellis.serving.settings import ServingSettings

ROOT = Path(__file__).parent.parent
BOARDS = ROOT / "manifests/components/monitoring/boards"

PROCESSES: tuple[tuple[str, str, type[BaseSettings]], ...] = (
    ("Predictor", "`trellis serve PATH` or `python -m trellis.serving PATH`", ServingSettings),
    ("Gateway", "`python -m trellis.gateway`", GatewaySettings),
    ("Controller", "`python -m trellis.rollout`", RolloutSettings),
    ("Local run", "`trellis up [PATHS]`", UpSettings),
)

#: Documents that the processes exchange, by the name of their schema's file.
CONTRACTS: dict[str, type[BaseModel]] = {
    "model.yaml": ModelYaml,
    "routing-table": RoutingTable,
    "exposure": Exposure,
    "outcome": Outcome,
    "audit-entry": AuditEntry,
    "experiment": Experiment,
    "experiments": Experiments,
    "experiment-status": ExperimentStatus,
    "model-states": ModelStates,
}

#: (setting of an older project, ours, what differs)
FORMER = (
    (
        "`DEFAULT_MODEL_VERSION`",
        "`TRELLIS_DEFAULT_VERSIONS`",
        'by model, as JSON: `{"tomato": "v1"}`',
    ),
    ("`LOAD_ALL_MODELS`", "`TRELLIS_LOADING`", "`eager` for true, `lazy` for false"),
    (
        "`MAX_MODELS_IN_MEMORY`",
        "`TRELLIS_MAX_LOADED_VERSIONS`",
        "counts versions; the least recently used goes first",
    ),
    (
        "`MAX_CONCURRENT_REQUESTS`",
        "`TRELLIS_MAX_INFLIGHT_REQUESTS`",
        "one more is answered 429 (predictor) or 503 (gateway)",
    ),
    ("`REQUEST_TIMEOUT`", "`TRELLIS_REQUEST_TIMEOUT`", "seconds; then 504"),
    (
        "`CANARY_PERCENT`",
        "`spec.predictor.canaryTrafficPercent`",
        "in the InferenceService, not in a process",
    ),
    ("`LOG_LEVEL`", "`TRELLIS_LOG_LEVEL`", "in lower case"),
    (
        "`MODEL_PATH`",
        "`TRELLIS_MODEL_DIR`, or PATH",
        "a version folder, a model's folder or a folder of models",
    ),
)


def schema(model: type[BaseModel]) -> str:
    """JSON Schema of a contract, as a file's text."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(by_alias=True),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def settings_page() -> str:
    """``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Written by `make generate` from the settings' own types. Each is a flag (`--http_port 9000`), an",
        "environment variable (`TRELLIS_HTTP_PORT=9000`) or a line of `.env`; the flag wins, then the",
        "environment. Times are in seconds, sizes in bytes.",
    ]
    for title, command, settings in PROCESSES:
        lines += ["", f"## {title}", "", f"{command}", ""]
        lines += ["| setting | variable | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | `{variable}` | {default} | {meaning} |"
            for name, variable, default, meaning in _rows(settings)
        ]
    lines += [
        "",
        "## From an older project",
        "",
        "| there | here | what differs |",
        "|---|---|---|",
    ]
    lines += [f"| {there} | {here} | {differs} |" for there, here, differs in FORMER]
    return "\n".join(lines) + "\n"


def env_example() -> str:
    """``.env.example``: every variable, commented out, at its default."""
    lines = [
        "# Copy to .env and uncomment what you change. docs/settings.md says what each one means."
    ]
    for title, _, settings in PROCESSES:
        lines += ["", f"# {title}"]
        lines += [f"# {variable}={_plain(default)}" for _, variable, default, _ in _rows(settings)]
    return "\n".join(lines) + "\n"


def _rows(settings: type[BaseSettings]) -> list[tuple[str, str, str, str]]:
    prefix = settings.model_config.get("env_prefix", "")
    rows = []
    for name, field in settings.model_fields.items():
        rows.append(
            (
                name,
                f"{prefix}{name}".upper(),
                _default(field.default, field.default_factory),
                field.description or "",
            )
        )
    return rows


def _default(value: Any, factory: Any) -> str:
    if factory is not None or isinstance(value, SecretStr):
        return "made at the start"
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    return f"`{json.dumps(value) if isinstance(value, bool | dict) else value}`"


def _plain(default: str) -> str:
    return "" if default == "made at the start" else default.strip("`")


def outputs() -> dict[Path, str]:
    """Every generated file and its text."""
    written = {
        **{
            ROOT / f"docs/schemas/{name}.schema.json": schema(model)
            for name, model in CONTRACTS.items()
        },
        ROOT / "docs/settings.md": settings_page(),
        ROOT / ".env.example": env_example(),
        **{ROOT / f"manifests/crds/{kind.plural}.yaml": definitions.text(kind) for kind in KINDS},
        BOARDS / "gateway.json": boards.gateway_board(),
        BOARDS / "predictors.json": boards.predictors_board(),
    }
    return {**written, **chart_outputs(ROOT, written)}


def main() -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail where a file differs"
    )
    check: bool = parser.parse_args().check
    stale = [
        path
        for path, text in outputs().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in stale:
        name = path.relative_to(ROOT)
        print(
            f"{name} is not what its source says: run make generate" if check else f"writing {name}"
        )
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(outputs()[path], "utf-8")
    sourceless = stale_copies(ROOT)
    for path in sourceless:
        name = path.relative_to(ROOT)
        print(f"{name} has no source: run make generate" if check else f"removing {name}")
        if not check:
            path.unlink()
    return 1 if check and (stale or sourceless) else 0


if __name__ == "__main__":
    sys.exit(main())
