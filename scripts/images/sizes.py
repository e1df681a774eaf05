"""How large the images are, as a table for people and for ``docs/images.md``."""

from dataclasses import dataclass

from scripts.images.docker import docker
from scripts.images.targets import ROOT, Target

PAGE = ROOT / "docs/images.md"
BEGIN = "<!-- sizes: `make images IMAGES_ARGS=--document` writes them -->"
END = "<!-- sizes end -->"

#: The slim predictor is to be at most this part of the one with TensorFlow.
LARGEST_SHARE = 0.25


@dataclass(frozen=True)
class Measured:
    """One image: bytes unpacked, and seconds from ``docker run`` to healthy."""

    target: Target
    size: int
    healthy_after: float

    @property
    def megabytes(self) -> int:
        """Size in units of 10^6 bytes."""
        return round(self.size / 1e6)


def size(target: Target) -> int:
    """Bytes of the image's layers, unpacked; raises ``DockerError``."""
    return int(docker("image", "inspect", "--format={{.Size}}", target.image))


def table(measured: list[Measured]) -> str:
    """Markdown, an image a line."""
    keras = _megabytes(measured, "predictor-keras")
    lines = ["| image | MB | of the one with Keras | healthy after |", "|---|---|---|---|"]
    for one in measured:
        share = f"{one.megabytes / keras:.0%}" if keras else ""
        lines.append(
            f"| `{one.target.image}` | {one.megabytes:,} | {share} | {one.healthy_after:.1f} s |"
        )
    return "\n".join(lines)


def too_large(measured: list[Measured]) -> str | None:
    """What is wrong with the sizes, ``None`` where both are there and the slim one is slim."""
    slim, keras = (_megabytes(measured, name) for name in ("predictor", "predictor-keras"))
    if not slim or not keras or slim <= LARGEST_SHARE * keras:
        return None
    return (
        f"the slim predictor has {slim:,} MB, {slim / keras:.0%} of the {keras:,} MB with Keras; "
        f"at most {LARGEST_SHARE:.0%} is the aim"
    )


def document(measured: list[Measured]) -> None:
    """Write the table into ``docs/images.md``, between its marks.

    Raises ``ValueError`` where the marks are gone.
    """
    page = PAGE.read_text("utf-8")
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{PAGE.relative_to(ROOT)} has lost the line {BEGIN!r} or {END!r}")
    PAGE.write_text(f"{before}{BEGIN}\n{table(measured)}\n{END}{after}", "utf-8")


def _megabytes(measured: list[Measured], name: str) -> int | None:
    return next((one.megabytes for one in measured if one.target.name == name), None)
