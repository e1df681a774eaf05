import json

import pytest
from prometheus_client import CollectorRegistry, Counter

from scripts.manifests import boards
from trellis.telemetry import metrics


def test_a_renamed_metric_is_renamed_on_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    before = boards.predictors_board()

    class Renamed(metrics.ServingMetrics):
        def __init__(self, registry: CollectorRegistry) -> None:
            super().__init__(registry)
            self.requests = Counter("trellis_answers_total", "-", metrics.WHO, registry=registry)

    monkeypatch.setattr(boards, "ServingMetrics", Renamed)
    after = boards.predictors_board()
    assert "trellis_requests_total" in before
    assert "trellis_requests_total" not in after
    assert after == before.replace("trellis_requests_total", "trellis_answers_total")


@pytest.mark.parametrize("text", [boards.predictors_board(), boards.gateway_board()])
def test_a_board_offers_the_data_source_the_namespace_and_the_model(text: str) -> None:
    board = json.loads(text)
    assert [one["name"] for one in board["templating"]["list"]] == [
        "datasource", "namespace", "model",
    ]  # fmt: skip
    assert all(panel["description"] for panel in board["panels"])
