"""What the Dockerfile and .dockerignore promise, read from them; tests/e2e/images holds the images to it."""

import json
import re
from dataclasses import dataclass, field

import pytest

from scripts.cluster import releases
from scripts.images.targets import ROOT, TARGETS, project_version


@dataclass
class Stage:
    """One stage: what it is built from, its instructions, words and arguments."""

    source: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [rest for found, rest in self.instructions if found == word]


def read() -> tuple[dict[str, str], dict[str, Stage]]:
    """Arguments before the first stage, and the stages by name, in order."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^\s*#.*\n", "", text))
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            source, _, name = rest.partition(" AS ")
            stages[name] = Stage(source)
        elif not stages:
            key, _, value = rest.partition("=")
            arguments[key] = value
        else:
            list(stages.values())[-1].instructions.append((word, rest))
    return arguments, stages


ARGUMENTS, STAGES = read()
NAMES = [target.name for target in TARGETS]


def line_of(name: str) -> list[Stage]:
    """A stage and all that it is built from, itself first."""
    stage = STAGES[name]
    return [stage, *(line_of(stage.source) if stage.source in STAGES else [])]


def last(name: str, word: str) -> str:
    """The instruction that holds for a stage: its own, else the nearest it inherits."""
    return next(stage.of(word)[-1] for stage in line_of(name) if stage.of(word))


def labels(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for stage in reversed(line_of(name)):
        for instruction in stage.of("LABEL"):
            found |= dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', instruction))
    return found


def test_each_image_is_a_target() -> None:
    built = {stage.source for stage in STAGES.values()}
    copied = re.findall(r"from=([\w-]+)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert [name for name in STAGES if name not in built | set(copied)] == [
        "predictor",
        "predictor-gpu",
        "predictor-keras",
        "predictor-sklearn",
        "gateway",
        "controller",
    ]
    assert set(NAMES) <= set(STAGES)


def test_the_base_is_the_argument_and_nothing_is_called_latest() -> None:
    assert {"BASE": releases.images()["base"]} == ARGUMENTS
    sources = {stage.source for stage in STAGES.values()} - set(STAGES)
    assert sources == {"${BASE}", "scratch"}
    assert "latest" not in (ROOT / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_user_is_a_number_and_not_root(name: str) -> None:
    assert STAGES[name].instructions[-1] == ("USER", "65532:65532")


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_point_and_the_health_check_need_no_shell(name: str) -> None:
    process = {"gateway": "gateway", "controller": "rollout"}.get(name, "serving")
    assert json.loads(last(name, "ENTRYPOINT")) == ["python", "-m", f"trellis.{process}"]
    check = last(name, "HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-I", "/healthcheck.py"]
    assert "curl" not in check


@pytest.mark.parametrize("name", NAMES)
def test_the_labels_say_what_it_is(name: str) -> None:
    found = labels(name)
    assert set(found) == {"title", "description", "version", "licenses", "vendor"}
    assert found["version"] == project_version()
    assert found["title"].startswith("trellis ")
    titles = [labels(other)["title"] for other in NAMES]
    assert titles.count(found["title"]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_the_last_layer(name: str) -> None:
    """What comes before it does not know the code, so that a change of code rebuilds it alone."""
    layers = [
        rest
        for stage in reversed(line_of(name))
        for word, rest in stage.instructions
        if word in {"COPY", "RUN", "ADD"}
    ]
    assert layers[-1] == "--from=code /app /app"
    assert not [layer for layer in layers[:-1] if "code" in layer or "trellis" in layer]


def test_packages_come_from_locks_with_hashes() -> None:
    runs = [run for stage in STAGES.values() for run in stage.of("RUN") if "install.sh" in run]
    assert len(runs) == 6
    for run in runs:
        (lock,) = re.findall(r"source=(requirements/[\w-]+\.lock)", run)
        assert (ROOT / lock).is_file()
        assert run.endswith(f"sh /mnt/install.sh /mnt/{lock.removeprefix('requirements/')}")
        assert "--mount=type=secret,id=ca" in run
    script = (ROOT / "scripts/images/install.sh").read_text("utf-8")
    installs = [line for line in script.splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_the_build_sees_what_it_needs_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    text = (ROOT / "Dockerfile").read_text("utf-8")
    mounted = set(re.findall(r"--mount=source=([^,]+)", text))
    copied = set(re.findall(r"(?m)^COPY ([^-\s]\S*) ", text))
    taken = {
        re.sub(r"requirements/[\w-]+\.lock", "requirements/*.lock", p) for p in mounted | copied
    }
    assert allowed == taken
    assert "**/__pycache__" in patterns
