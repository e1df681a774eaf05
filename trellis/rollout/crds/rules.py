"""Rules that bind fields to each other, in CEL: what the validators of ``trellis.contracts`` say.

Each refusal names the field and what was expected, and what came where it is one text. ``self`` is
the object that the rule stands at; its defaults are filled in before any rule is asked. Kubernetes
1.28 is the first that knows all of this.
"""

from typing import NamedTuple

from trellis.contracts.amounts import PARTS
from trellis.contracts.experiment_resource import ARM_METRICS, MOST_EPOCHS
from trellis.contracts.rollout import COUNTED
from trellis.contracts.routing_table import MOST_WINDOW_SECONDS

_DELAYED = ("conversions", "wrongLabels", "scores")
_WITH_NEGLIGIBLE = ("errors", "latency")


class Rule(NamedTuple):
    """``rule`` must hold; else ``message``, a CEL expression, is what the person reads.

    No message tells a number or an item that was looked up: the API server takes such a text to be
    as long as a request may be, and refuses the definition as too dear.

    ``field`` is the path below ``self`` that the refusal names; empty: ``self`` itself.
    """

    rule: str
    message: str
    field: str = ""


def one_of(field: str, words: tuple[str, ...]) -> str:
    """Whether ``field`` is one of ``words``."""
    return f"{field} in [{', '.join(repr(word) for word in words)}]"


def seconds(field: str) -> str:
    """A duration in seconds, a double, by the very arithmetic of ``trellis.contracts.amounts``:
    CEL's own durations know no days and end at 292 years.
    """
    # The last is asked first: `s` ends `ms` too.
    number = "0.0"
    for unit in ("s", "m", "h", "d", "ms"):
        size = f"double(p.replace('{unit}', '')) * {PARTS[unit]}"
        number = f"(p.endsWith('{unit}') ? {size} : {number})"
    return f"{field}.findAll('[0-9.]+(?:ms|s|m|h|d)').map(p, {number}).sum()"


def part(field: str) -> str:
    """A share in percent, a double."""
    return f"double({field}.replace('%', ''))"


def _optional(field: str, rule: str) -> str:
    return f"!has({field}) || {rule}"


def _window(field: str) -> Rule:
    long = seconds(field)
    return Rule(
        _optional(field, f"({long} > 0.0 && {long} <= {MOST_WINDOW_SECONDS})"),
        f"'attributionWindow: ' + {field} + ' came; expected over 0s and at most 365d'",
        ".attributionWindow",
    )


def _share(field: str) -> Rule:
    name = field.removeprefix("self.")
    return Rule(
        _optional(field, f"({part(field)} > 0.0 && {part(field)} < 99.0)"),
        f"'{name}: ' + {field} + ' came; expected more than 0% and less than 99%'",
        f".{name}",
    )


def _needed(field: str, metrics: tuple[str, ...]) -> Rule:
    name = field.removeprefix("self.")
    return Rule(
        f"{one_of('self.metric', metrics)} == has({field})",
        f"'{name}: ' + (has({field}) ? 'came with' : 'is missing of') + ' metric ' + self.metric"
        f" + '; it belongs to {', '.join(metrics)}, and is needed there'",
    )


MARGIN = (
    Rule(
        "has(self.ratio) != has(self.absolute)",
        "'margin: ' + (has(self.ratio) ? 'both' : 'neither') + ' came; expected exactly one of"
        " ratio and absolute'",
    ),
)

GUARDRAIL = (
    _needed("self.over", ("latency",)),
    Rule(
        "!has(self.limit) || (self.metric == 'latency' && !has(self.margin))",
        "'limit: came with ' + (has(self.margin) ? 'a margin' : 'metric ' + self.metric) +"
        " '; it is for latency, in the place of margin'",
        ".limit",
    ),
    Rule(
        f"!has(self.negligible) || {one_of('self.metric', _WITH_NEGLIGIBLE)}",
        "'negligible: came with metric ' + self.metric + '; it is for errors and latency'",
        ".negligible",
    ),
    Rule(
        f"!has(self.margin) || has(self.margin.ratio) || !({one_of('self.metric', tuple(sorted(COUNTED)))})",
        "'margin: ' + self.metric + ' is counted; expected a ratio, as ratio: 1.5'",
        ".margin",
    ),
    _needed("self.attributionWindow", _DELAYED),
    _window("self.attributionWindow"),
    _share("self.limit"),
    _share("self.negligible"),
    Rule(
        "!has(self.margin) || !has(self.margin.absolute) || self.metric != 'meanLatency' ||"
        " self.margin.absolute.endsWith('s')",
        "'margin.absolute: ' + self.margin.absolute + ' came; of meanLatency it has a unit, as 20ms'",
        ".margin",
    ),
    Rule(
        "!has(self.margin) || !has(self.margin.absolute) || self.metric != 'scores' ||"
        " !self.margin.absolute.endsWith('s')",
        "'margin.absolute: ' + self.margin.absolute + ' came; of scores it has no unit, as 0.05'",
        ".margin",
    ),
)

_ONCE = (
    "self.guardrails.exists_one(y, y.metric == x.metric"
    " && (has(x.over) ? has(y.over) && y.over == x.over : !has(y.over)))"
)
_GUARDRAILS_ONCE = Rule(
    f"self.guardrails.all(x, {_ONCE})",
    "'guardrails: one came twice; expected each metric once, of latency each threshold'",
    ".guardrails",
)

_STAGES = f"self.steps.map(s, {seconds('s.minimumTime')}).sum()"
ROLLOUT = (
    Rule(
        "self.inferenceService == oldSelf.inferenceService",
        "'inferenceService: ' + self.inferenceService + ' came and it is ' + oldSelf.inferenceService"
        " + '; it cannot be changed: make another Rollout'",
        ".inferenceService",
    ),
    Rule(
        "self.steps.map(s, s.weight).isSorted() &&"
        " self.steps.all(x, self.steps.exists_one(y, y.weight == x.weight))",
        "'steps: weights must rise from step to step, each more than the one before'",
        ".steps",
    ),
    _GUARDRAILS_ONCE,
    Rule(
        "self.split != 'unit' || self.guardrails.all(g, g.metric != 'meanLatency')",
        "'guardrails: meanLatency came with split: unit, which predictors do not tell from other'"
        " + ' requests; expected latency with a threshold'",
        ".guardrails",
    ),
    Rule(
        f"{seconds('self.deadline')} > {_STAGES}",
        "'deadline: ' + self.deadline + ' came; expected longer than all minimumTime together'",
        ".deadline",
    ),
)

_VERSION_ONCE = "self.arms.exists_one(y, y.version == x.version)"
_EPOCHS = f"{MOST_EPOCHS}.0 * {seconds('self.epoch')}"
_FLOOR = f"{part('self.minimumShare')} * double(size(self.arms))"
EXPERIMENT = (
    Rule(
        "self.model == oldSelf.model",
        "'model: ' + self.model + ' came and it is ' + oldSelf.model"
        " + '; it cannot be changed: make another Experiment'",
        ".model",
    ),
    Rule(
        f"self.arms.all(x, {_VERSION_ONCE})",
        "'arms: a version came twice; expected each once'",
        ".arms",
    ),
    Rule(
        "self.arms.exists(a, a.weight > 0.0)",
        "'arms: the weights sum to 0; expected more for at least one'",
        ".arms",
    ),
    _window("self.attributionWindow"),
    _GUARDRAILS_ONCE,
    Rule(
        f"self.guardrails.all(g, {one_of('g.metric', tuple(sorted(ARM_METRICS)))})",
        "'guardrails: restarts came, which cannot be told apart by arm'",
        ".guardrails",
    ),
    Rule(
        f"self.strategy != 'weighted' || ({_FLOOR} > 0.0 && {_FLOOR} <= 100.0)",
        "'minimumShare: ' + self.minimumShare + ' came; expected over 0%, and at most 100% when'"
        " + ' taken once for each arm'",
        ".minimumShare",
    ),
    Rule(
        f"self.strategy != 'weighted' || {seconds('self.epoch')} >= 1.0",
        "'epoch: ' + self.epoch + ' came; expected at least 1s'",
        ".epoch",
    ),
    Rule(
        f"self.strategy != 'weighted' || {seconds('self.attributionWindow')} <= {_EPOCHS}",
        "'epoch: ' + self.epoch + ' came with an attributionWindow of ' + self.attributionWindow"
        f" + '; expected at least a {MOST_EPOCHS}th of it'",
        ".epoch",
    ),
    Rule(
        "self.strategy != 'weighted' || self.guardrails.all(g,"
        f" {_optional('g.attributionWindow', seconds('g.attributionWindow') + ' <= ' + _EPOCHS)})",
        "'epoch: ' + self.epoch + ' came; expected at least a"
        f" {MOST_EPOCHS}th of the attributionWindow of each guardrail'",
        ".epoch",
    ),
)

GOAL = (
    Rule(
        "self.kind != 'label' || self.better == 'higher'",
        "'better: lower came; of label it is higher, the share of right ones'",
        ".better",
    ),
)
