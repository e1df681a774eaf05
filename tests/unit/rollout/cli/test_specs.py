from pathlib import Path

import pytest

from trellis.rollout.cli.places import PlaceError
from trellis.rollout.cli.specs import spec_in

ROLLOUT = """
apiVersion: trellis.dev/v1alpha1
kind: Rollout
metadata: {name: tomato}
spec: {inferenceService: tomato, steps: [{weight: 10}]}
"""
ARGO = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: other}\nspec: {}\n"


def test_the_only_rollout_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(f"{ARGO}---\n---\n{ROLLOUT}")
    assert [step.weight for step in spec_in(file).steps] == [10]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ARGO, "has 0 Rollouts of trellis.dev/v1alpha1; expected one"),
        (f"{ROLLOUT}---\n{ROLLOUT}", "has 2 Rollouts"),
        (ROLLOUT.replace("10", "120"), "spec.steps.0.weight: Input should be less than"),
        (ROLLOUT.replace("spec:", "Spec:"), "spec.inferenceService: Field required"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(content)
    with pytest.raises(PlaceError) as caught:
        spec_in(file)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="cannot be read: No such file"):
        spec_in(tmp_path / "none.yaml")
