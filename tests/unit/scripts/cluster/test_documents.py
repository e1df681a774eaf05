import json

import pytest
import yaml

from scripts.cluster.documents import definition_names, read, stream

STREAM = """\
# a licence
---
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app.kubernetes.io/name: not-this
  name: controller
---
---
kind: CustomResourceDefinition
metadata:
  name: things.example.dev
spec: {group: example.dev}
--- # the next
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  file: |
    kind: Secret
    metadata:
      name: inside
"""


def test_definitions_stay_text_and_objects_are_parsed() -> None:
    manifest = read(STREAM)
    assert definition_names(manifest) == ["things.example.dev"]
    assert [item["kind"] for item in manifest.objects] == ["ConfigMap", "Deployment"]
    assert manifest.find("Deployment", "controller")["apiVersion"] == "apps/v1"
    assert "Secret" in manifest.find("ConfigMap", "settings")["data"]["file"]


def test_only_what_is_wanted_is_kept() -> None:
    manifest = read(STREAM, keep=lambda kind, name: (kind, name) == ("ConfigMap", "settings"))
    assert not manifest.definitions
    assert [item["kind"] for item in manifest.objects] == ["ConfigMap"]


def test_a_missing_object_is_named() -> None:
    with pytest.raises(KeyError, match="no Service gateway"):
        read(STREAM).find("Service", "gateway")


def test_a_stream_reads_back_as_it_was() -> None:
    manifest = read(STREAM)
    text = stream([*manifest.definitions, *manifest.objects])
    back = [item for item in yaml.safe_load_all(text) if item]
    assert [item["kind"] for item in back] == [
        "CustomResourceDefinition",
        "ConfigMap",
        "Deployment",
    ]
    assert back[1] == json.loads(json.dumps(manifest.objects[0]))
