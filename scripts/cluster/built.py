"""Parts by building: what `scripts.cluster.offline` makes from package registries."""

from collections.abc import Sequence
from pathlib import Path

from scripts.cluster import offline
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program
from scripts.cluster.progress import Say
from scripts.cluster.supply import Supply
from scripts.cluster.versions import version


def supply(cache: Path, groups: Sequence[str], say: Say) -> Supply:
    """Build what is not yet in the cache.

    :raises ClusterError: where a build fails; names the part.
    """
    try:
        parts = offline.build(cache, groups, say)
    except offline.BuildError as error:
        raise ClusterError(
            f"A part could not be built: {error}", "Running it again goes on from there."
        ) from error
    helm = Program(parts.tool("helm"))

    def manifest(component: str) -> str:
        folder = parts.manifests(component)
        if component == "kserve":  # its module has Helm charts, which render what the release has
            return "\n---\n".join(
                helm("template", "kserve", str(folder / "charts" / chart), "--namespace", "kserve")
                for chart in ("kserve-crd", "kserve-resources")
            )
        return "\n---\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.yaml")))

    return Supply(
        way="build",
        node_image=parts.node_image,
        archives=parts.images,
        manifest=manifest,
        redis=f"trellis/redis:{version('redis')}",
        prometheus=f"trellis/prometheus:{version('prometheus')}",
        envoy=None,
        base=f"trellis/base:{version('debian')}-py311",
    )
