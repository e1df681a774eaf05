from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from trellis.serving.engines.tree_check import UnsafeEstimatorError, check_estimator

RNG = np.random.default_rng(0)
X = RNG.random((60, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 1).astype(int)


def edit(tree: Any, change: Callable[[Any], None]) -> None:
    """Change a fitted tree's node table, as a crafted file can hold it."""
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    change(nodes)
    tree.__setstate__({**state, "nodes": nodes})


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(random_state=0),
        DecisionTreeRegressor(random_state=0),
        RandomForestClassifier(5, random_state=0),
        ExtraTreesRegressor(5, random_state=0),
        make_pipeline(PolynomialFeatures(2), RandomForestClassifier(5, random_state=0)),
        make_pipeline(
            ColumnTransformer([("some", "passthrough", [0, 1])]), DecisionTreeClassifier()
        ),
        VotingClassifier([("a", DecisionTreeClassifier()), ("b", LogisticRegression())]),
        AdaBoostClassifier(n_estimators=3),
        CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2), cv=2),
        LogisticRegression(),
        LinearSVC(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_was_fitted_is_sound(estimator: Any) -> None:
    check_estimator(estimator.fit(X, Y))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("left_child", 10_000_000, "node 0 of a tree has a left child outside"),
        ("right_child", 10_000_000, "node 0 of a tree has a right child outside"),
        ("left_child", 0, "node 0 of a tree has a left child outside"),
        ("right_child", -7, "node 0 of a tree has a right child outside"),
        ("left_child", -1, "node 0 of a tree has one child only"),
        ("feature", 4, "node 0 of a tree splits on a feature outside the 4 columns"),
        ("feature", -3, "node 0 of a tree splits on a feature outside the 4 columns"),
        ("feature", 2**40, "node 0 of a tree splits on a feature outside the 4 columns"),
    ],
)
def test_a_crafted_node_is_refused(column: str, value: int, says: str) -> None:
    crafted = forest()

    def change(nodes: Any) -> None:
        nodes[column][0] = value

    edit(crafted.estimators_[3].tree_, change)
    with pytest.raises(UnsafeEstimatorError, match=says):
        check_estimator(crafted)


def test_a_loop_further_down_is_refused() -> None:
    crafted = DecisionTreeClassifier(random_state=0).fit(X, Y)
    inner = int(np.flatnonzero(crafted.tree_.children_left != -1)[-1])
    assert inner > 0

    def change(nodes: Any) -> None:
        nodes["right_child"][inner] = 0

    edit(crafted.tree_, change)
    with pytest.raises(UnsafeEstimatorError, match=f"node {inner} of a tree"):
        check_estimator(make_pipeline(crafted))


def test_a_tree_of_more_columns_than_its_forest_is_refused() -> None:
    crafted = forest()
    crafted.n_features_in_ = 2
    with pytest.raises(UnsafeEstimatorError, match="outside the 2 columns"):
        check_estimator(crafted)


def test_a_forest_that_does_not_say_its_columns_is_refused() -> None:
    crafted = forest()
    del crafted.n_features_in_
    with pytest.raises(UnsafeEstimatorError, match="does not say how many features"):
        check_estimator(crafted)


@pytest.mark.parametrize(
    "estimator",
    [GradientBoostingClassifier(n_estimators=2), BaggingClassifier(n_estimators=2)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_trees_where_rows_are_not_checked_again_are_refused(estimator: Any) -> None:
    with pytest.raises(UnsafeEstimatorError, match=f"inside {type(estimator).__name__}"):
        check_estimator(make_pipeline(estimator).fit(X, Y))


def test_libsvm_is_refused() -> None:
    with pytest.raises(UnsafeEstimatorError, match="SVC follows its arrays unchecked"):
        check_estimator(make_pipeline(SVC()).fit(X, Y))


def test_trees_are_found_in_any_container() -> None:
    crafted = DecisionTreeClassifier(random_state=0).fit(X, Y)

    def change(nodes: Any) -> None:
        nodes["feature"][0] = 9

    edit(crafted.tree_, change)
    holder = np.empty(1, dtype=object)
    holder[0] = crafted
    for container in ([crafted], (crafted,), {"a": {"b": [crafted]}}, {crafted}, holder):
        with pytest.raises(UnsafeEstimatorError):
            check_estimator(container)


def test_an_estimator_that_holds_itself_ends() -> None:
    estimator = LogisticRegression()
    estimator.itself = [estimator]
    check_estimator(estimator)
