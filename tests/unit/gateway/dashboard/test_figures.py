import pytest

from tests.unit.gateway.dashboard.windows import EMPTY, V1, V2, window
from trellis.gateway.dashboard.figures import MOST_LABELS, figures_of
from trellis.gateway.dashboard.window import PREDICTIONS


def test_rates_and_shares_of_one_version() -> None:
    found = figures_of(window()).versions[V1]
    assert found.requests == 1.0
    assert found.errors == pytest.approx(0.1)
    assert found.p50 == pytest.approx(0.1)
    assert found.p99 == pytest.approx(0.198)
    assert found.hits == pytest.approx(0.25)


def test_a_4xx_is_no_error_and_what_never_came_has_no_figure() -> None:
    found = figures_of(window()).versions[V2]
    assert found.errors == 0.0
    assert found.p95 is None
    assert found.hits is None


def test_the_total_leaves_out_what_met_no_version() -> None:
    figures = figures_of(window())
    assert figures.total.requests == 1.5
    assert figures.refused == pytest.approx(0.1)
    assert set(figures.versions) == {V1, V2}
    assert set(figures.traffic) == {V1}


def test_answers_are_told_by_label_and_by_confidence() -> None:
    (answers,) = figures_of(window()).answers.values()
    assert answers.labels == (("Early_blight", 0.75), ("healthy", 0.25))
    assert answers.confidence == pytest.approx((0, 0, 0, 0, 0.25, 0, 0, 0, 0, 0.75))


def test_many_labels_are_cut_and_the_rest_is_summed() -> None:
    counts = {(*V1, f"label {place}"): 1.0 for place in range(100)}
    (answers,) = figures_of(window(increases={PREDICTIONS: counts})).answers.values()
    assert len(answers.labels) == MOST_LABELS
    label, share = answers.labels[-1]
    assert label == "all others"
    assert share == pytest.approx(1 - 0.01 * (MOST_LABELS - 1))


def test_without_any_data_there_are_no_figures_but_no_failure() -> None:
    figures = figures_of(EMPTY)
    assert figures.total.requests == 0.0
    assert figures.total.errors is None
    assert figures.versions == {}
    assert figures.answers == {}
