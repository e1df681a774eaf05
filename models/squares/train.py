"""Publish ``squares``: nothing to train, the class computes by itself."""

from pathlib import Path

import numpy as np

from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish import Description, HeldOut, publish

HERE = Path(__file__).parent


def main() -> None:
    """Write ``v1``."""
    numbers = np.linspace(-10, 10, 41, dtype=np.float32)
    publish(
        HERE / "v1",
        Description(
            name="squares",
            version="v1",
            description="Squares of numbers: the smallest predictor there is.",
            predictor="predictors.squares:Squares",
            inputs=(TensorSpec(name="numbers", datatype="FP32", shape=(-1,)),),
            outputs=(TensorSpec(name="squares", datatype="FP32", shape=(-1,)),),
        ),
        None,
        HeldOut({"numbers": numbers}),
        examples=[
            ("two, three and a half", {"numbers": np.array([2, 3, 0.5], dtype=np.float32)}),
            ("minus four", {"numbers": np.array([-4], dtype=np.float32)}),
        ],
    )


if __name__ == "__main__":
    main()
