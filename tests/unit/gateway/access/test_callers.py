import pytest

from trellis.gateway.access.callers import ANYONE, Caller, Scope
from trellis.gateway.errors import Forbidden

TOMATO = Caller("k", frozenset({"infer"}), frozenset({"tomato", "lab-*"}))


@pytest.mark.parametrize("scope", ["infer", "feedback", "admin", "version"])
def test_anyone_may_all_in_open_mode(scope: Scope) -> None:
    ANYONE.check(scope, "whatever")


@pytest.mark.parametrize("model", [None, "tomato", "lab-1", "lab-"])
def test_own_models_pass(model: str | None) -> None:
    TOMATO.check("infer", model)


@pytest.mark.parametrize("model", ["tomato2", "atomato", "lab", "", "sentiment", "x" * 500])
def test_other_models_are_refused_by_name(model: str) -> None:
    with pytest.raises(Forbidden, match="not for model") as refused:
        TOMATO.check("infer", model)
    assert len(str(refused.value)) < 200


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(Forbidden, match="no scope 'admin'; it has infer"):
        TOMATO.check("admin", None)


def test_no_scope_implies_another() -> None:
    admin = Caller("k", frozenset({"admin"}), None)
    with pytest.raises(Forbidden):
        admin.check("infer", "tomato")


def test_an_empty_list_of_models_is_not_every_model() -> None:
    with pytest.raises(Forbidden):
        Caller("k", frozenset({"infer"}), frozenset()).check("infer", "tomato")
