from scripts.cluster.status import models


def test_a_model_is_told_with_its_readiness_and_split() -> None:
    told = {
        "items": [
            {
                "metadata": {"namespace": "trellis", "name": "tomato"},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "components": {
                        "predictor": {
                            "traffic": [
                                {"revisionName": "tomato-predictor-00002", "percent": 20},
                                {"revisionName": "tomato-predictor-00001", "percent": 80},
                            ]
                        }
                    },
                },
            },
            {"metadata": {"namespace": "trellis", "name": "new"}},
        ]
    }
    split = "tomato-predictor-00002 20 %, tomato-predictor-00001 80 %"
    assert models(told) == [
        f"model trellis/tomato  ready True  {split}",
        "model trellis/new  ready Unknown",
    ]
