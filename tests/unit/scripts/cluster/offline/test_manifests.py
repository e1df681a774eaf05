from pathlib import Path

import pytest

from scripts.cluster.offline import GROUPS, manifests
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.manifests import Modules

DEPLOYMENT = """kind: Deployment
spec:
  containers:
    - image: ko://example.dev/cmd/webhook
      imagePullPolicy: Always
"""
IMAGES = {r"ko://example\.dev/cmd/webhook(?=\s)": "trellis/webhook:1"}


def test_images_become_the_ones_built_here(tmp_path: Path) -> None:
    manifests._write(tmp_path / "some.yaml", [DEPLOYMENT], IMAGES)
    text = (tmp_path / "some.yaml").read_text()
    assert "- image: trellis/webhook:1\n" in text
    assert "imagePullPolicy: IfNotPresent" in text


def test_an_image_that_nobody_builds_is_refused_by_name(tmp_path: Path) -> None:
    other = DEPLOYMENT.replace("ko://example.dev/cmd/webhook", "example.com/proxy:2")
    with pytest.raises(BuildError, match=r"some\.yaml: .*not built here: example\.com/proxy:2"):
        manifests._write(tmp_path / "some.yaml", [DEPLOYMENT, other], IMAGES)


def test_a_link_to_an_unbuilt_program_outside_an_image_field_is_refused(tmp_path: Path) -> None:
    config = "kind: ConfigMap\ndata:\n  sidecar: ko://example.dev/cmd/queue\n"
    with pytest.raises(BuildError, match=r"some\.yaml"):
        manifests._write(tmp_path / "some.yaml", [DEPLOYMENT, config], IMAGES)


def test_an_image_that_upstream_no_longer_names_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no image like other"):
        manifests._write(
            tmp_path / "some.yaml", [DEPLOYMENT], {**IMAGES, "other": "trellis/other:1"}
        )


def test_definitions_come_apart_from_what_uses_them(tmp_path: Path) -> None:
    definition = "kind: CustomResourceDefinition\nspec: {image: {type: string}}\n"
    manifests._write_split(tmp_path, "some", [DEPLOYMENT, definition], IMAGES)
    assert "Deployment" not in (tmp_path / "some-crds.yaml").read_text()
    assert "CustomResourceDefinition" not in (tmp_path / "some.yaml").read_text()


def test_a_module_without_the_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"example\.dev/serving has none of config/\*\.yaml"):
        Modules({"example.dev/serving": tmp_path}).read("example.dev/serving", "config/*.yaml")


def test_every_component_of_a_group_can_be_written() -> None:
    assert {c for group in GROUPS.values() for c in group.manifests} == set(manifests._WRITERS)
