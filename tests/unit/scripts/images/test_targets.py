import pytest

from scripts.images.targets import TARGETS, named, project_version


def test_all_but_the_gpu_image_are_built_where_nothing_is_named() -> None:
    names = [target.name for target in named([])]
    assert names == ["predictor", "predictor-keras", "predictor-sklearn", "gateway", "controller"]


def test_the_named_ones_come_in_the_order_of_the_names() -> None:
    assert [target.image for target in named(["predictor-gpu", "predictor"])] == [
        f"trellis/predictor-gpu:{project_version()}",
        f"trellis/predictor:{project_version()}",
    ]


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no image is called predictr; there are predictor, "):
        named(["predictor", "predictr"])


@pytest.mark.parametrize("target", [t for t in TARGETS if t.sample], ids=lambda t: t.name)
def test_each_sample_is_a_version_folder(target: object) -> None:
    sample = target.sample  # type: ignore[attr-defined] # parametrize hides the type
    assert (sample.folder / "model.yaml").is_file()
