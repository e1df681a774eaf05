"""Specs of Rollouts and Experiments: what is taken, and what is refused with which words.

The types and the API server are asked with the same table.
"""

from typing import Any

Spec = dict[str, Any]
Table = dict[str, tuple[Spec, str]]


def rollout(**changed: Any) -> Spec:
    return {"inferenceService": "tomato", **changed}


def guarded(*guardrails: Any) -> Spec:
    return rollout(guardrails=list(guardrails))


def steps(*weights: Any, minimum: str = "1m") -> list[Spec]:
    return [{"weight": weight, "minimumTime": minimum} for weight in weights]


def experiment(**changed: Any) -> Spec:
    return {"model": "tomato", "arms": arms("v1", "v2"), **changed}


def arms(*versions: str, weight: float = 1) -> list[Spec]:
    return [{"version": version, "weight": weight} for version in versions]


GOOD_ROLLOUTS: dict[str, Spec] = {
    "a service alone": rollout(),
    "one step": rollout(steps=steps(1)),
    "twenty steps": rollout(steps=steps(*range(1, 21)), deadline="20.1m"),
    "days and halves": rollout(steps=steps(5, 20, minimum="0.5d"), deadline="1d1ms"),
    "an errors guardrail without margin": guarded({"metric": "errors"}),
    "latency by ratio": guarded({"metric": "latency", "over": "250ms", "margin": {"ratio": 1.2}}),
    "latency by a limit": guarded({"metric": "latency", "over": "1s", "limit": "1%"}),
    "two thresholds": guarded(
        {"metric": "latency", "over": "1s", "limit": "1%"},
        {"metric": "latency", "over": "250ms", "negligible": "0.5%"},
    ),
    "means by a difference": guarded(
        {"metric": "meanLatency", "margin": {"absolute": "20ms"}},
        {"metric": "scores", "margin": {"absolute": "0.05"}, "attributionWindow": "365d"},
    ),
    "late outcomes": guarded(
        {"metric": "conversions", "attributionWindow": "7d"},
        {"metric": "wrongLabels", "attributionWindow": "1h30m"},
    ),
    "all other words": rollout(
        advance="noHarm",
        alpha=0.5,
        onDeadline="rollback",
        sameVersion="trial",
        split="unit",
        paused=True,
    ),
    "longer than CEL's own durations": rollout(deadline="9999999999999999999999999h"),
}

BAD_ROLLOUTS: Table = {
    "no service": ({}, "inferenceService"),
    "a service that is no name": (rollout(inferenceService="-"), "inferenceService"),
    "no step": (rollout(steps=[]), "steps"),
    "twenty-one steps": (rollout(steps=steps(*range(1, 22))), "steps"),
    "weights that fall": (rollout(steps=steps(20, 5)), "steps"),
    "a weight twice": (rollout(steps=steps(5, 5)), "steps"),
    "a weight of 0": (rollout(steps=steps(0, 5)), "weight"),
    "a weight of 100": (rollout(steps=steps(5, 100)), "weight"),
    "a time without a unit": (rollout(steps=steps(5, minimum="60")), "minimumTime"),
    "a deadline of the steps' own length": (
        rollout(steps=steps(5, 20, minimum="0.5d"), deadline="1d"),
        "deadline",
    ),
    "an alpha of 0": (rollout(alpha=0), "alpha"),
    "an alpha over a half": (rollout(alpha=0.6), "alpha"),
    "another way to advance": (rollout(advance="hope"), "advance"),
    "no guardrail": (guarded(), "guardrails"),
    "another thing to split": (rollout(split="user"), "split"),
    "means of units": (
        rollout(split="unit", guardrails=[{"metric": "errors"}, {"metric": "meanLatency"}]),
        "meanLatency came with split: unit",
    ),
    "a metric that is none": (guarded({"metric": "luck"}), "metric"),
    "a guardrail twice": (guarded({"metric": "errors"}, {"metric": "errors"}), "guardrails"),
    "a threshold twice": (
        guarded(*[{"metric": "latency", "over": "1s", "limit": "1%"}] * 2),
        "guardrails",
    ),
    "latency over nothing": (guarded({"metric": "latency", "limit": "1%"}), "over"),
    "errors over a time": (guarded({"metric": "errors", "over": "1s"}), "over"),
    "a limit of errors": (guarded({"metric": "errors", "limit": "1%"}), "limit"),
    "a limit and a margin": (
        guarded({"metric": "latency", "over": "1s", "limit": "1%", "margin": {"ratio": 2}}),
        "limit",
    ),
    "a limit without a sign": (
        guarded({"metric": "latency", "over": "1s", "limit": "1"}),
        "limit",
    ),
    "a limit of nothing": (guarded({"metric": "latency", "over": "1s", "limit": "0%"}), "0%"),
    "a limit of all": (guarded({"metric": "latency", "over": "1s", "limit": "100%"}), "100%"),
    "a limit of nearly all": (
        guarded({"metric": "latency", "over": "1s", "limit": "99%"}),
        "99%",
    ),
    "nearly all negligible": (guarded({"metric": "errors", "negligible": "99.5%"}), "99%"),
    "negligible restarts": (guarded({"metric": "restarts", "negligible": "1%"}), "negligible"),
    "no negligible share": (guarded({"metric": "errors", "negligible": "0%"}), "0%"),
    "a margin of nothing": (guarded({"metric": "errors", "margin": {}}), "ratio and absolute"),
    "two margins": (
        guarded({"metric": "meanLatency", "margin": {"ratio": 2, "absolute": "1ms"}}),
        "ratio and absolute",
    ),
    "a ratio of 1": (guarded({"metric": "errors", "margin": {"ratio": 1}}), "ratio"),
    "a difference of counts": (
        guarded({"metric": "errors", "margin": {"absolute": "0.01"}}),
        "margin",
    ),
    "a time without its unit": (
        guarded({"metric": "meanLatency", "margin": {"absolute": "20"}}),
        "margin",
    ),
    "scores in seconds": (
        guarded(
            {"metric": "scores", "margin": {"absolute": "20ms"}, "attributionWindow": "1d"},
        ),
        "margin",
    ),
    "labels without a window": (guarded({"metric": "wrongLabels"}), "attributionWindow"),
    "errors with a window": (
        guarded({"metric": "errors", "attributionWindow": "1d"}),
        "attributionWindow",
    ),
    "a window over a year": (
        guarded({"metric": "conversions", "attributionWindow": "365.1d"}),
        "attributionWindow",
    ),
    "a window of nothing": (
        guarded({"metric": "conversions", "attributionWindow": "0h"}),
        "attributionWindow",
    ),
    "a field that is none": (rollout(guardrail=[]), "guardrail"),
    "a text for a number": (rollout(alpha="0.05"), "alpha"),
}

GOOD_EXPERIMENTS: dict[str, Spec] = {
    "two versions": experiment(),
    "versions of services": experiment(
        arms=[{"version": "v1"}, {"version": "v2", "inferenceService": "tomato-b", "weight": 0.5}]
    ),
    "an arm of no units": experiment(arms=[*arms("v1"), *arms("v2", weight=0)]),
    "weights that follow": experiment(
        strategy="weighted", minimumShare="50%", epoch="1s", attributionWindow="900s"
    ),
    "windows of many epochs that nothing reads": experiment(epoch="1s"),
    "a share that nothing reads": experiment(minimumShare="90%"),
    "guarded": experiment(guardrails=[{"metric": "errors"}]),
    "of labels": experiment(goal={"kind": "label"}, unit="returning", enabled=False),
}

BAD_EXPERIMENTS: Table = {
    "no model": ({"arms": arms("v1", "v2")}, "model"),
    "one arm": (experiment(arms=arms("v1")), "arms"),
    "eleven arms": (experiment(arms=arms(*(f"v{n}" for n in range(11)))), "arms"),
    "a version twice": (experiment(arms=arms("v1", "v1")), "arms"),
    "no weight at all": (experiment(arms=arms("v1", "v2", weight=0)), "arms"),
    "a weight below 0": (experiment(arms=arms("v1", "v2", weight=-1)), "weight"),
    "another strategy": (experiment(strategy="luck"), "strategy"),
    "a window of nothing": (experiment(attributionWindow="0s"), "attributionWindow"),
    "a window over a year": (experiment(attributionWindow="366d"), "attributionWindow"),
    "labels that should be wrong": (
        experiment(goal={"kind": "label", "better": "lower"}),
        "better",
    ),
    "restarts": (experiment(guardrails=[{"metric": "restarts"}]), "guardrails"),
    "a guardrail twice": (experiment(guardrails=[{"metric": "errors"}] * 2), "guardrails"),
    "a guardrail without its threshold": (experiment(guardrails=[{"metric": "latency"}]), "over"),
    "shares over the whole": (
        experiment(strategy="weighted", minimumShare="50.1%"),
        "minimumShare",
    ),
    "no share": (experiment(strategy="weighted", minimumShare="0%"), "minimumShare"),
    "an epoch of nothing": (experiment(strategy="weighted", epoch="0s"), "epoch"),
    "epochs too many for the window": (
        experiment(strategy="weighted", epoch="1s", attributionWindow="900.1s"),
        "900th",
    ),
    "epochs too many for a guardrail": (
        experiment(
            strategy="weighted", guardrails=[{"metric": "scores", "attributionWindow": "37.6d"}]
        ),
        "900th",
    ),
}
