import base64

import numpy as np

from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish.examples import example, of_held_out
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.types import bytes_array

TEXT = TensorSpec(name="text", datatype="BYTES", shape=(-1,), content="text")
IMAGE = TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image")
FEATURES = TensorSpec(name="features", datatype="FP32", shape=(-1, 2))
COUNTS = TensorSpec(name="counts", datatype="INT32", shape=(-1,))


def test_pictures_travel_as_base64_and_text_as_text() -> None:
    inputs = {"image": bytes_array([b"\xff\xd8\xff"]), "text": bytes_array(["Grüße".encode()])}
    made = example("a title", inputs, [IMAGE, TEXT])
    assert made.title == "a title"
    assert base64.b64decode(made.inputs[0].data[0]) == b"\xff\xd8\xff"
    assert made.inputs[1].data == ("Grüße",)


def test_numbers_are_flat_and_short() -> None:
    inputs = {
        "features": np.array([[0.1, 2]], dtype=np.float32),
        "counts": np.array([7], dtype=np.int32),
    }
    made = example("", inputs, [FEATURES, COUNTS])
    assert made.inputs[0].shape == (1, 2)
    assert made.inputs[0].data == (0.1, 2.0)
    assert made.inputs[1].data == (7,)


def test_the_first_row_of_each_label_is_shown() -> None:
    held_out = HeldOut({"text": bytes_array([b"one", b"two", b"three"])}, np.array([1, 1, 0]))
    shown = of_held_out(held_out, [TEXT], ["no", "yes", "never"])
    assert [(e.title, e.inputs[0].data) for e in shown] == [("no", ("three",)), ("yes", ("one",))]


def test_without_truth_the_first_row_is_shown() -> None:
    (shown,) = of_held_out(HeldOut({"text": bytes_array([b"one", b"two"])}), [TEXT], [])
    assert shown.inputs[0].data == ("one",)
