"""The routing table on the wire: camelCase, whole or refused."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from trellis.contracts.routing_table import Arm, RoutingTable


def arm(revision: str, *intervals: tuple[float, float], **changed: Any) -> dict[str, Any]:
    return {
        "url": "http://127.0.0.1:8080",
        "grpcAddress": "127.0.0.1:8081",
        "model": "tomato",
        "version": "v1",
        "revision": revision,
        "intervals": [list(interval) for interval in intervals],
    } | changed


def table(*arms: dict[str, Any], **changed: Any) -> dict[str, Any]:
    route = {"salt": "tomato", "arms": list(arms)}
    return {"version": 3, "models": {"tomato": route}, "defaultModel": "tomato"} | changed


TWO = (arm("tomato-1", (0.0, 0.8), role="stable"), arm("tomato-2", (0.8, 1.0), role="canary"))


def test_it_survives_the_wire() -> None:
    read = RoutingTable.model_validate_json(json.dumps(table(*TWO)))
    stable, canary = read.models["tomato"].arms
    assert (stable.role, canary.role) == ("stable", "canary")
    assert (stable.weight, canary.weight) == pytest.approx((0.8, 0.2))
    assert stable.grpc_address == "127.0.0.1:8081"
    again = json.loads(read.model_dump_json(by_alias=True))
    assert again["apiVersion"] == "trellis.dev/v1alpha1"
    assert again["models"]["tomato"]["arms"][0]["grpcAddress"] == "127.0.0.1:8081"
    assert RoutingTable.model_validate(again) == read


def test_an_arm_without_intervals_is_there_to_be_asked_for() -> None:
    read = RoutingTable.model_validate(table(*TWO, arm("tomato-0")))
    assert read.models["tomato"].arms[2].weight == 0


def test_its_json_schema_is_in_wire_names() -> None:
    schema = RoutingTable.model_json_schema(by_alias=True)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(table(*TWO))
    assert not Draft202012Validator(schema).is_valid(table(*TWO, colour="red"))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (table(arm("a", (0.0, 0.5))), "intervals end at 0.5, not at 1"),
        (table(arm("a", (0.0, 0.5)), arm("b", (0.4, 1.0))), "overlap"),
        (table(arm("a", (0.0, 0.5)), arm("b", (0.6, 1.0))), "leave a gap"),
        (table(arm("a", (0.0, 0.5)), arm("a", (0.5, 1.0))), "revisions repeat"),
        (table(), "arms"),
        (table(*TWO, defaultModel="none"), "defaultModel 'none' is not among models"),
        (table(*TWO, version=-1), "version"),
        (table(arm("a", (0.0, 1.0), url="ftp://x")), "url"),
        (table(arm("a", (0.0, 1.0), url="http://x/path")), "url"),
        (table(arm("a", (0.0, 1.0), grpcAddress="x")), "grpcAddress"),
        (table(arm("a", (0.0, 1.0), model="a/b")), "model"),
        (table(*TWO, kind="Other"), "kind"),
    ],
)
def test_a_table_that_does_not_hold_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RoutingTable.model_validate(document)


def test_a_salt_must_fit_the_hash_as_its_key() -> None:
    document = table(*TWO)
    document["models"]["tomato"]["salt"] = "ü" * 33
    with pytest.raises(ValidationError, match="longer than 64 bytes"):
        RoutingTable.model_validate(document)


@pytest.mark.parametrize(
    ("url", "revision", "tag"),
    [
        (
            "http://latest-squares-predictor.farm.svc.cluster.local",
            "squares-predictor-00002",
            "latest",
        ),
        ("http://prev-squares-predictor.farm.svc.cluster.local", "squares-predictor-00001", "prev"),
        ("http://squares-predictor.farm.svc.cluster.local", "squares-predictor", ""),
        # A service of that name, by its own host.
        ("http://latest-news-predictor.farm.svc.cluster.local", "latest-news-predictor", ""),
        # A chart's route, which no rollout has made.
        ("http://prev-squares-predictor.farm.svc.cluster.local", "prev-squares-predictor", ""),
        ("http://10.0.0.1:8080", "squares-00001", ""),
    ],
)
def test_an_arm_of_a_trial_is_known_by_the_tag_of_its_host(
    url: str, revision: str, tag: str
) -> None:
    assert Arm(url=url, model="squares", version="v1", revision=revision).tag == tag
    host = url.partition("://")[2]
    named = Arm(url="http://10.0.0.1", host=host, model="squares", version="v1", revision=revision)
    assert named.tag == tag
