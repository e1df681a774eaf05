"""Whether a loaded scikit-learn estimator may predict, pure.

Types alone do not make a file safe. Compiled code walks a decision tree by node indices that it
never looks at, so a crafted file could read other memory or never end. In a sound tree a node's
children exist and come after it, and its features are columns of the rows that it is given.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

_LEAF = -1
_TREE = "sklearn.tree._tree.Tree"
#: They hand their rows to their trees without looking at them again.
_FORESTS = ("sklearn.ensemble._forest.",)
#: They call what they hold as any user would, so each part checks its own rows.
_CONTAINERS = (
    "sklearn.pipeline.",
    "sklearn.compose.",
    "sklearn.calibration.",
    "sklearn.ensemble._voting.",
    "sklearn.ensemble._stacking.",
    "sklearn.ensemble._weight_boosting.",
)
#: libsvm follows its arrays as trees follow their indices, and their bounds are not simple.
_NEVER = tuple(
    f"sklearn.svm._classes.{name}" for name in ("SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM")
)


class UnsafeEstimatorError(ValueError):
    """The estimator could make compiled code leave its arrays; the message says where."""


def check_estimator(loaded: Any) -> None:
    """Raise ``UnsafeEstimatorError`` unless every tree below ``loaded`` is sound.

    Attributes, lists, tuples, dictionaries and object arrays are walked. Trees are accepted in
    decision trees, random forests and extra trees, alone or inside pipelines and ensembles
    that check their rows.
    """
    _walk(loaded, columns=None, stranger=None, seen=set())


def _walk(value: Any, columns: int | None, stranger: str | None, seen: set[Any]) -> None:
    """``columns``: how many the rows have for certain; ``stranger``: an estimator above that
    may hand on rows unchecked.
    """
    place = (id(value), columns, stranger)
    if isinstance(value, str | bytes | int | float | None) or place in seen:
        return
    seen.add(place)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if kind in _NEVER:
        raise UnsafeEstimatorError(
            f"{type(value).__name__} follows its arrays unchecked; publish it as ONNX"
        )
    if kind == _TREE:
        if stranger is not None:
            raise UnsafeEstimatorError(
                f"a decision tree inside {stranger} cannot be checked; publish it as ONNX"
            )
        _check_tree(value, columns)
        return
    if hasattr(value, "get_params"):
        forest = kind.startswith(_FORESTS)
        if hasattr(value, "tree_") or forest:
            columns = _columns(value, columns)
        elif kind.startswith(_CONTAINERS):
            columns = None
        else:
            stranger = type(value).__name__
    for child in _children(value):
        _walk(child, columns, stranger, seen)


def _columns(estimator: Any, given: int | None) -> int:
    """The columns that its trees may use: its own count, no more than a forest around it has."""
    own = getattr(estimator, "n_features_in_", None)
    if not isinstance(own, int | np.integer):
        raise UnsafeEstimatorError(
            f"{type(estimator).__name__} does not say how many features it was fitted on"
        )
    return int(own) if given is None else min(given, int(own))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from value.ravel()
    else:
        yield from getattr(value, "__dict__", {}).values()


def _check_tree(tree: Any, columns: int | None) -> None:
    width = int(tree.n_features) if columns is None else min(columns, int(tree.n_features))
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    feature = np.asarray(tree.feature)
    count = len(left)
    if count == 0:
        raise UnsafeEstimatorError("a tree has no nodes")
    node = np.arange(count)
    inner = left != _LEAF
    _require(inner == (right != _LEAF), "has one child only")
    for side, child in (("left", left), ("right", right)):
        _require(
            ~inner | ((child > node) & (child < count)),
            f"has a {side} child outside the nodes after it",
        )
    _require(
        ~inner | ((feature >= 0) & (feature < width)),
        f"splits on a feature outside the {width} columns",
    )


def _require(sound: Any, fault: str) -> None:
    if not sound.all():
        raise UnsafeEstimatorError(f"node {int(np.argmin(sound))} of a tree {fault}")
