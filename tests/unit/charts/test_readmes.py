import re
import shlex

import pytest

from tests.unit.charts.helm import MODEL, PLATFORM, Helm, of_kind

#: Lines of helm's flags in the README, each a choice that a person may copy.
CHOICES = re.findall(r"^(--set\S* .+)$", (MODEL / "README.md").read_text(), re.MULTILINE)
INSTALLS = re.findall(
    r"^helm (?:install|upgrade) (.+)$", (MODEL / "README.md").read_text(), re.MULTILINE
)


def test_there_are_choices_to_try() -> None:
    assert len(CHOICES) >= 6
    assert len(INSTALLS) >= 4


@pytest.mark.parametrize("line", CHOICES)
def test_each_choice_renders_and_changes_something(helm: Helm, line: str) -> None:
    flags = tuple(shlex.split(line, comments=True))
    assert of_kind(helm.render(MODEL, flags=flags), "InferenceService")
    assert helm.render(MODEL, flags=flags) != helm.render(MODEL)


@pytest.mark.parametrize("line", INSTALLS)
def test_each_install_and_upgrade_renders(helm: Helm, line: str) -> None:
    release, chart, *flags = shlex.split(line, comments=True)
    assert (release, chart) == ("tomato", "charts/model")
    # There is no install before this one.
    given = tuple(flag for flag in flags if flag != "--reset-then-reuse-values")
    assert of_kind(helm.render(MODEL, release=release, flags=given), "InferenceService")


def test_the_volume_that_stays_has_the_name_that_is_told(helm: Helm) -> None:
    (claimer,) = of_kind(helm.render(PLATFORM, release="trellis"), "StatefulSet")
    (claim,) = claimer["spec"]["volumeClaimTemplates"]
    name = f"{claim['metadata']['name']}-{claimer['metadata']['name']}-0"
    assert f"delete pvc {name}" in (PLATFORM / "README.md").read_text()
