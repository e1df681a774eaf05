import re
from pathlib import Path

import yaml

from trellis.serving.publish import Description

README = Path(__file__).parents[3] / "models" / "README.md"


def test_the_description_in_the_readme_is_one() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    description = Description.model_validate(yaml.safe_load(block))
    assert [spec.name for spec in description.all_outputs()] == [
        "probabilities",
        "label",
        "confidence",
    ]
