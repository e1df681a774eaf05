import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.unit.manifests.conftest import MANIFESTS, ROOT, Build, of_kind, tool
from trellis.telemetry.metrics import GatewayMetrics, ServingMetrics

FOLDER = MANIFESTS / "components/monitoring"
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text())
TESTS = Path(__file__).parent / "alerts.test.yaml"
BOARDS = sorted((FOLDER / "boards").glob("*.json"))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["spec"]["groups"] for rule in group["rules"]]


def board(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def queries() -> Iterator[tuple[str, str]]:
    """Each alert's and each panel's PromQL, with a name for it."""
    yield from ((rule["alert"], rule["expr"]) for rule in alerts())
    for file in BOARDS:
        for panel in board(file)["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


QUERIES = list(queries())


def exported() -> dict[str, set[str]]:
    """Labels by the names of the samples that our processes export."""
    found: dict[str, set[str]] = {}
    for metrics in (ServingMetrics(CollectorRegistry()), GatewayMetrics(CollectorRegistry())):
        for metric in vars(metrics).values():
            if not hasattr(metric, "describe"):
                continue
            (family,) = metric.describe()
            labels = set(metric._labelnames)
            suffixes = {"counter": ("_total",), "gauge": ("",)}.get(
                family.type, ("_bucket", "_sum", "_count")
            )
            for suffix in suffixes:
                found.setdefault(family.name + suffix, set()).update(labels)
    return found


#: Set by Prometheus' side: the scrape's relabelling and the histogram's edges.
FROM_OUTSIDE = {"job", "instance", "namespace", "inferenceservice", "knative_revision", "le"}


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    """The rules as Prometheus reads them, without the resource around."""
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(RULES["spec"]))
    return file


def test_the_rules_are_prometheus_rules(rules_file: Path) -> None:
    run = subprocess.run(
        [tool("promtool"), "check", "rules", str(rules_file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(alerts())} rules found" in run.stdout


def test_the_alerts_fire_when_they_should_and_only_then(rules_file: Path) -> None:
    shutil.copy(TESTS, rules_file.parent)
    run = subprocess.run(
        [tool("promtool"), "test", "rules", TESTS.name],
        capture_output=True, text=True, check=False, cwd=rules_file.parent,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_alert_is_seen_to_fire() -> None:
    fired = {
        case["alertname"]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("query", [text for _, text in QUERIES], ids=[name for name, _ in QUERIES])
def test_a_query_asks_for_metrics_and_labels_that_are_exported(query: str) -> None:
    known = exported()
    names = set(re.findall(r"\btrellis_\w+", query))
    assert names <= set(known)
    if names:
        labels = set().union(*(known[name] for name in names)) | FROM_OUTSIDE
        selected = set(re.findall(r"[{,]\s*(\w+)\s*=", query))
        grouped = {
            label.strip()
            for group in re.findall(r"by \(([^)]*)\)", query)
            for label in group.split(",")
        }
        assert selected | grouped <= labels


def test_every_metric_is_on_a_board_or_a_part_of_one() -> None:
    shown = set(re.findall(r"\btrellis_\w+", " ".join(text for _, text in QUERIES)))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}
    unseen = {
        family
        for family in families
        if not any(name.startswith(family) for name in shown) and "_squares_" not in family
    }
    assert unseen == set()


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.stem)
def test_a_board_s_panels_have_places_of_their_own(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(file)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_jobs_are_those_that_scrape(build: Build) -> None:
    asked = {
        job
        for _, query in QUERIES
        for jobs in re.findall(r'job=~?"([^"]+)"', query)
        for job in jobs.split("|")
    }
    assert asked == jobs_of_monitors(build)


def jobs_of_monitors(build: Build) -> set[str]:
    documents = build(MANIFESTS / "overlays/production/platform")
    return {
        relabeling["replacement"]
        for monitor in of_kind(documents, "PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for relabeling in endpoint["relabelings"]
        if relabeling["targetLabel"] == "job"
    }


def scrapes_of_make_cluster() -> list[dict[str, Any]]:
    file = ROOT / "scripts/cluster/components/prometheus.yaml"
    (configuration,) = of_kind(list(yaml.safe_load_all(file.read_text())), "ConfigMap")
    scrapes: list[dict[str, Any]] = yaml.safe_load(configuration["data"]["prometheus.yml"])[
        "scrape_configs"
    ]
    return scrapes


def test_the_prometheus_of_make_cluster_names_its_jobs_alike(build: Build) -> None:
    scrapes = scrapes_of_make_cluster()
    assert {scrape["job_name"] for scrape in scrapes} <= jobs_of_monitors(build)
    for scrape in scrapes:
        targets = {one.get("target_label") for one in scrape["relabel_configs"]}
        ours = scrape["job_name"] in {"gateway", "worker", "controller"}
        assert {"namespace", "pod" if ours else "knative_revision"} <= targets


def addresses(rules: list[dict[str, Any]], address: str, camel: bool) -> str:
    """The address that relabelling makes of one, by its rules that write addresses."""
    source, target = ("sourceLabels", "targetLabel") if camel else ("source_labels", "target_label")
    for rule in rules:
        if rule.get(target) != "__address__":
            continue
        assert rule[source] == ["__address__"]
        if match := re.fullmatch(rule["regex"], address):
            address = match.expand(rule["replacement"].replace("$", "\\"))
    return address


AT_ITS_METRICS = [
    ("10.244.1.7:8081", "10.244.1.7:8080"),
    ("[fd00::7]:8081", "[fd00::7]:8080"),
    ("10.244.1.7:8080", "10.244.1.7:8080"),
    ("10.244.1.7:9000", "10.244.1.7:9000"),
]


@pytest.mark.parametrize(("found", "asked"), AT_ITS_METRICS)
@pytest.mark.parametrize("port", ["user-port", "h2c"])
def test_a_predictor_behind_grpc_is_asked_where_its_metrics_are(
    build: Build, port: str, found: str, asked: str
) -> None:
    (endpoint,) = (
        endpoint
        for monitor in of_kind(build(MANIFESTS / "overlays/production/platform"), "PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        if endpoint["port"] == port
    )
    assert addresses(endpoint["relabelings"], found, camel=True) == asked


@pytest.mark.parametrize(("found", "asked"), AT_ITS_METRICS[:3])
def test_the_prometheus_of_make_cluster_asks_there_too(found: str, asked: str) -> None:
    (rules,) = (
        scrape["relabel_configs"]
        for scrape in scrapes_of_make_cluster()
        if scrape["job_name"] == "predictors"
    )
    (kept,) = (rule["regex"] for rule in rules if "kserve-container" in rule.get("regex", ""))
    assert re.fullmatch(kept, f"kserve-container;{found.rpartition(':')[2]}")
    assert addresses(rules, found, camel=False) == asked


def test_every_runtime_s_port_is_scraped(build: Build) -> None:
    """By Knative's name for it, and by its own in Standard mode."""
    monitored = {
        endpoint["port"]
        for monitor in of_kind(build(MANIFESTS / "overlays/production/platform"), "PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
    }
    for file in (MANIFESTS / "runtimes").glob("trellis*.yaml"):
        (container,) = yaml.safe_load(file.read_text())["spec"]["containers"]
        assert {port["name"] for port in container["ports"]} | {"user-port"} <= monitored


def test_boards_come_as_config_maps_of_grafana_s_label(build: Build) -> None:
    (boards,) = of_kind(build(MANIFESTS / "overlays/production/platform"), "ConfigMap")
    assert boards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert set(boards["data"]) == {file.name for file in BOARDS}
