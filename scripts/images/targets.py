"""The images there are: targets of the Dockerfile, and what proves that one works."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Sample:
    """A version folder under ``models/``, and the label of its first example."""

    model: str
    version: str
    label: str
    engine: str | None = None

    @property
    def folder(self) -> Path:
        """The version's folder."""
        return ROOT / "models" / self.model / self.version


@dataclass(frozen=True)
class Target:
    """A target of the Dockerfile; ``sample`` is what a predictor is asked; the others have none.

    ``by_default`` says whether it is built where nothing is named.
    """

    name: str
    sample: Sample | None
    by_default: bool = True

    @property
    def image(self) -> str:
        """Its image's name, with the project's version as tag."""
        return f"trellis/{self.name}:{project_version()}"


LEAF = Sample("tomato", "v1", "Early_blight")

TARGETS = (
    Target("predictor", LEAF),
    Target("predictor-keras", Sample("tomato", "v1", "Early_blight", engine="keras")),
    Target("predictor-sklearn", Sample("sentiment", "v1", "positive", engine="sklearn")),
    Target("gateway", None),
    Target("controller", None),
    # Gigabytes of CUDA; without a GPU it computes on the CPU, so it is checked like the others.
    Target("predictor-gpu", LEAF, by_default=False),
)


def project_version() -> str:
    """The version in ``pyproject.toml``, the tag of all images."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return str(document["project"]["version"])


def named(names: list[str]) -> list[Target]:
    """The targets of these names, those built by default where there is none.

    Raises ``ValueError`` that names an unknown one.
    """
    by_name = {target.name: target for target in TARGETS}
    unknown = sorted(set(names) - set(by_name))
    if unknown:
        raise ValueError(f"no image is called {', '.join(unknown)}; there are {', '.join(by_name)}")
    if not names:
        return [target for target in TARGETS if target.by_default]
    return [by_name[name] for name in names]
