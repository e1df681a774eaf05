"""The images of the cluster's components: which program or package each holds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.offline.archive import USER, Config, write_archive, write_layer
from scripts.cluster.offline.cache import Cache, scratch
from scripts.cluster.offline.debian import LEFT_OUT, write_files, write_root
from scripts.cluster.versions import version

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Image:
    """One image: a program on nothing or on Debian packages, or those alone."""

    name: str  # `trellis/<name>:<version>`
    pinned: str  # its entry in versions.toml
    program: str = ""  # where the program of the same name lies in the image
    packages: Sequence[str] = ()
    installed: bool = False  # whether the packages are set up, or only their files taken
    entrypoint: str = ""  # the program's path where this is empty
    command: Sequence[str] = ()
    user: str = USER
    suffix: str = ""  # of the tag, where a version alone says too little

    @property
    def tag(self) -> str:
        """The tag, and the version in the archive's name."""
        return version(self.pinned) + self.suffix

    @property
    def reference(self) -> str:
        """The name with its tag, as manifests have it."""
        return f"trellis/{self.name}:{self.tag}"

    def archive(self, cache: Cache) -> Path:
        """Where its archive lies, once written."""
        return cache.image(self.name, self.tag, f"{self} {LEFT_OUT}")


SERVING = (
    *(
        Image(f"knative-{part}", "knative", f"/ko-app/{part}")
        for part in ("activator", "autoscaler", "controller", "queue", "webhook")
    ),
    Image("kourier", "net-kourier", "/ko-app/kourier"),
    # Kourier's gateway drains by a shell and curl before it stops; Envoy needs glibc.
    Image("envoy", "envoy", "/usr/local/bin/envoy", packages=("coreutils", "curl", "dash")),
    Image("kserve-controller", "kserve", "/manager"),
    Image("kserve-agent", "kserve", "/ko-app/agent"),
    Image("kserve-router", "kserve", "/ko-app/router"),
)
METRICS_SERVER = (Image("metrics-server", "metrics-server", "/metrics-server"),)
KEDA = (
    Image("keda-operator", "keda", "/keda"),
    Image("keda-metrics-apiserver", "keda", "/keda-adapter"),
    Image("keda-admission-webhooks", "keda", "/keda-admission-webhooks"),
)
REDIS = (
    Image("redis", "redis", packages=("dash", "redis-server"), entrypoint="/usr/bin/redis-server"),
)
PROMETHEUS = (Image("prometheus", "prometheus", "/bin/prometheus"),)
BASE = (
    Image(
        "base", "debian", suffix="-py311", user="",
        packages=("ca-certificates", "python3", "python3-venv"), installed=True, command=("python3",),
    ),
)  # fmt: skip
FLUX = (
    Image("source-controller", "source-controller", "/usr/local/bin/source-controller"),
    Image("kustomize-controller", "kustomize-controller", "/usr/local/bin/kustomize-controller"),
)


def write_images(cache: Cache, images: Iterable[Image], say: Callable[[str], None]) -> None:
    """Write the archives that the cache does not have; their programs must be there.

    :raises BuildError: where Debian's packages cannot be had.
    """
    for image in images:
        archive = image.archive(cache)
        if archive.exists():
            continue
        say(f"writing image {image.reference}")
        with scratch(cache.root / "images" / ".layers") as folder:
            layers = []
            if image.packages:
                layers.append(folder / "packages.tar")
                (write_root if image.installed else write_files)(layers[-1], image.packages)
            if image.program:
                layers.append(folder / "program.tar")
                write_layer(
                    layers[-1], {image.program: cache.program(image.name, version(image.pinned))}
                )
            entrypoint = image.entrypoint or image.program
            write_archive(
                archive,
                image.reference,
                layers,
                Config(
                    entrypoint=[entrypoint] if entrypoint else (),
                    command=image.command,
                    user=image.user,
                    environment={"PATH": PATH},
                ),
            )
            cache.drop_older(archive)
