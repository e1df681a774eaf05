"""Which image ours are built on: the official Python one, or one built here without a registry."""

from scripts.cluster import built, releases, way
from scripts.cluster.preflight import Engine
from scripts.cluster.progress import Say
from scripts.cluster.settings import Settings
from scripts.cluster.versions import version
from scripts.images.docker import has_image


def base_image(settings: Settings, engine: Engine, say: Say) -> str:
    """Name of a base image that the engine has or can pull.

    Raises ``ClusterError`` where one must be built and cannot be, ``DockerError`` where the engine
    does not answer.
    """
    chosen, why = way.choose(settings, engine.registry)
    official, own = releases.images()["base"], f"trellis/base:{version('debian')}-py311"
    say(f"{official if chosen == 'pull' else own}, since {why}")
    if chosen == "pull" or has_image(own):
        return official if chosen == "pull" else own
    return built.supply(settings.cache, ("base",), say).base
