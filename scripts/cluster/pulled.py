"""Parts by pulling: programs and YAML of the official releases, images by the nodes themselves.

It needs an image registry and GitHub; where the tests of this project run there is neither, so
only the form of its addresses is tested.
"""

import io
import shutil
import tarfile
import urllib.request
from pathlib import Path

from scripts.cluster import releases
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program
from scripts.cluster.progress import Say
from scripts.cluster.supply import Supply
from scripts.cluster.versions import version

_TIMEOUT = 120  # seconds without a byte


def supply(cache: Path, docker: Program, say: Say) -> Supply:
    """Download what is not yet in the cache; the node image is assembled from the release.

    :raises ClusterError: where a download or the node image fails; names it.
    """
    tools = cache / "tools"
    for name, url in releases.tools().items():
        _program(tools / name, _cached(cache / "pulled", url, say))
    images = releases.images()
    if not docker.succeeds("image", "inspect", images["node"]):
        say(f"kind to assemble {images['node']} from the release")
        Program(tools / "kind")(
            "build",
            "node-image",
            f"v{version('kubernetes')}",
            "--image",
            images["node"],
            timeout=1800,
        )

    def manifest(component: str) -> str:
        texts = [
            _cached(cache / "pulled", url, say).read_text("utf-8")
            for url in releases.manifests()[component]
        ]
        return "\n---\n".join(texts)

    return Supply(
        way="pull",
        node_image=images["node"],
        archives={},
        manifest=manifest,
        redis=images["redis"],
        prometheus=images["prometheus"],
        envoy=images["envoy"],
        base=images["base"],
    )


def _program(link: Path, archive: Path) -> None:
    """One tool by its plain name: a link to what was downloaded, or to what that has packed."""
    program = archive
    if archive.name.endswith(".tar.gz"):
        program = archive.with_name(archive.name.removesuffix(".tar.gz"))
        with tarfile.open(archive) as bundle:
            member = next(
                item for item in bundle if item.isfile() and Path(item.name).name == link.name
            )
            unpacked = bundle.extractfile(member)
            _write(program, unpacked.read() if unpacked else b"")
    program.chmod(0o755)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(program)


def _cached(folder: Path, url: str, say: Say) -> Path:
    """The file behind ``url``, downloaded once; the version is part of the URL and of the name."""
    path = folder / url.removeprefix("https://").replace("/", "_")
    if not path.exists():
        say(f"the download of {url}")
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 # all are https, held by a test
                content = io.BytesIO()
                shutil.copyfileobj(answer, content)
        except OSError as error:
            raise ClusterError(
                f"{url} could not be downloaded: {error}",
                "Try again, or build the parts here: TRELLIS_CLUSTER_SOURCE=build make cluster",
            ) from error
        _write(path, content.getvalue())
    return path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.part")
    aside.write_bytes(content)
    aside.rename(path)
