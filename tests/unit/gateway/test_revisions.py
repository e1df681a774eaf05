"""What an operator reads of revisions: table, controller and predictor put together."""

from trellis.contracts.control import RevisionState
from trellis.contracts.routing_table import Arm
from trellis.gateway.revisions import Served, revision_rows

ARM = Arm(
    url="http://a:1",
    model="leaf",
    version="v1",
    revision="leaf-1",
    fingerprint="of the table",
    role="stable",
    intervals=((0, 1),),
)
SERVED = Served(loaded=True, fingerprint="of the predictor", metrics={"accuracy": 0.9})
STATE = RevisionState(version="v1", revision="leaf-1", role="canary", weight=0.1, ready=False)


def test_without_a_controller_the_predictor_says_whether_it_is_ready() -> None:
    (row,) = revision_rows([ARM], [SERVED], [])
    assert (row["weight"], row["role"], row["ready"], row["loaded"]) == (1, "stable", True, True)
    assert (row["fingerprint"], row["metrics"]) == ("of the predictor", {"accuracy": 0.9})


def test_the_controllers_word_goes_before_the_tables_but_not_its_weight() -> None:
    (row,) = revision_rows([ARM], [SERVED], [STATE])
    assert (row["weight"], row["role"], row["ready"]) == (1, "canary", False)


def test_a_predictor_that_does_not_answer_leaves_what_the_table_knows() -> None:
    (row,) = revision_rows([ARM], [Served(None, None, {})], [])
    assert (row["ready"], row["loaded"], row["fingerprint"]) == (None, None, "of the table")


def test_a_revision_out_of_the_table_is_told_last() -> None:
    new = RevisionState(version="v2", revision="leaf-2", ready=False, reason="it is pulled")
    first, last = revision_rows([ARM], [SERVED], [new, STATE])
    assert (first["revision"], last["revision"]) == ("leaf-1", "leaf-2")
    assert (last["weight"], last["reason"], last["loaded"]) == (0, "it is pulled", None)
