"""The upstream manifests, out of the Go modules that the programs are built from.

Their images become the ones built here. Nothing else is changed: what a cluster needs different is
the business of who applies them.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.offline.cache import Cache, written
from scripts.cluster.offline.compile import go_environment
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import run
from scripts.cluster.offline.programs import MODULES
from scripts.cluster.versions import version


@dataclass(frozen=True)
class Modules:
    """The folders of the Go modules that one wrapper builds from, by module path."""

    folders: Mapping[str, Path]

    def read(self, module: str, *patterns: str) -> list[str]:
        """The YAML files below a module's folder that match, sorted by path."""
        found = sorted({path for p in patterns for path in self.folders[module].glob(p)})
        if not found:
            raise BuildError(f"Go module {module} has none of {', '.join(patterns)}")
        return [path.read_text("utf-8").strip("-\n") + "\n" for path in found]


def fetch(cache: Cache, wrapper: str, *modules: str) -> Modules:
    """Find the modules, in the versions of a wrapper, downloading what is not there.

    :raises BuildError: where the module proxy does not answer.
    """
    said = run(
        "go", "mod", "download", "-json", *modules, cwd=MODULES / wrapper, env=go_environment(cache)
    )
    decoder, folders, at = json.JSONDecoder(), {}, 0
    while at < len(said.rstrip()):
        found, at = decoder.raw_decode(said, at)
        folders[found["Path"]] = Path(found["Dir"])
        at += 1  # the line's end
    return Modules(folders)


def write_manifests(cache: Cache, components: Iterable[str], say: Callable[[str], None]) -> None:
    """Write the folders that the cache does not have; kubectl must be among its programs.

    :raises BuildError: where a module cannot be had or is not as expected.
    """
    for component in components:
        folder = cache.manifests(component, version(component))
        if not folder.exists():
            say(f"writing the manifests of {component} {version(component)}")
            with written(folder) as aside:
                aside.mkdir()
                _WRITERS[component](cache, aside)


def _knative(cache: Cache, folder: Path) -> None:
    serving, networking, caching = (
        f"knative.dev/{n}" for n in ("serving", "networking", "caching")
    )
    modules = fetch(cache, "knative", serving, networking, caching)
    # The serving module links to the other two's definitions, and module archives drop links.
    definitions = [
        *modules.read(serving, "config/core/300-resources/*.yaml"),
        *modules.read(networking, "config/*.yaml"),
        *modules.read(caching, "config/image.yaml"),
    ]
    rest = modules.read(
        serving,
        *(
            f"config/core/{p}"
            for p in (
                "*.yaml",
                "200-roles/*.yaml",
                "configmaps/*.yaml",
                "deployments/*.yaml",
                "webhooks/*.yaml",
            )
        ),
    )
    parts = ("activator", "autoscaler", "controller", "queue", "webhook")
    images = {
        rf"ko://knative\.dev/serving/cmd/{part}(?=\s)": f"trellis/knative-{part}:{version('knative')}"
        for part in parts
    }
    _write(folder / "knative-crds.yaml", definitions, {})
    _write(folder / "knative.yaml", rest, images)


def _kourier(cache: Cache, folder: Path) -> None:
    kourier = "knative.dev/net-kourier"
    documents = fetch(cache, "knative", kourier).read(kourier, "config/*.yaml")
    images = {
        r"ko://knative\.dev/net-kourier/cmd/kourier(?=\s)": f"trellis/kourier:{version('net-kourier')}",
        r"\S*envoyproxy/envoy:\S+": f"trellis/envoy:{version('envoy')}",
    }
    _write(folder / "kourier.yaml", documents, images)


def _kserve(cache: Cache, folder: Path) -> None:
    module = "github.com/kserve/kserve"
    charts = fetch(cache, "kserve", module).folders[module] / "charts"
    for chart in ("kserve-crd", "kserve-resources"):
        shutil.copytree(charts / chart, folder / "charts" / chart, copy_function=shutil.copyfile)
    values = folder / "charts/kserve-resources/values.yaml"
    text = values.read_text("utf-8")
    for pattern, ours in {
        r"\bkserve/(agent|router)$": r"trellis/kserve-\1",
        r"\bkserve/(kserve-controller)$": r"trellis/\1",
        rf"(?<=version: )v(?={re.escape(version('kserve'))}$)": "",
    }.items():
        text, changed = re.subn(pattern, ours, text, flags=re.MULTILINE)
        if not changed:
            raise BuildError(f"the chart kserve-resources has nothing like {pattern} in its values")
    values.write_text(text, "utf-8")


def _metrics_server(cache: Cache, folder: Path) -> None:
    module = "sigs.k8s.io/metrics-server"
    root = fetch(cache, "metrics-server", module).folders[module]
    documents = _kustomize(cache, root / "manifests/overlays/release")
    images = {r"\S*/metrics-server:\S+": f"trellis/metrics-server:{version('metrics-server')}"}
    _write(folder / "metrics-server.yaml", documents, images)


def _keda(cache: Cache, folder: Path) -> None:
    module = "github.com/kedacore/keda/v2"
    documents = _kustomize(cache, fetch(cache, "keda", module).folders[module] / "config/default")
    ours = {"keda": "keda-operator", "keda-metrics-apiserver": "", "keda-admission-webhooks": ""}
    images = {
        rf"\S*/kedacore/{name}:\S+": f"trellis/{mine or name}:{version('keda')}"
        for name, mine in ours.items()
    }
    _write_split(folder, "keda", documents, images)


def _flux(cache: Cache, folder: Path) -> None:
    """Both controllers in one namespace: each module's own default fetches the other from a release."""
    resources, images = [], {}
    for part in ("source", "kustomize"):
        name = f"{part}-controller"
        module = f"github.com/fluxcd/{name}"
        config = fetch(cache, f"flux-{part}", module).folders[module] / "config"
        # kustomize takes no absolute paths.
        resources += [
            os.path.relpath(config / piece, folder) for piece in ("crd", "rbac", "manager")
        ]
        images[rf"\S*fluxcd/{name}(:\S+)?(?=\s)"] = f"trellis/{name}:{version(name)}"
    namespace, both = folder / "namespace.yaml", folder / "kustomization.yaml"
    namespace.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}\n")
    both.write_text(
        json.dumps(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "flux-system",
                "resources": [namespace.name, *resources],
            }
        )
    )
    _write_split(folder, "flux", _kustomize(cache, folder), images)
    namespace.unlink()
    both.unlink()


def _kustomize(cache: Cache, folder: Path) -> list[str]:
    kubectl = cache.program("kubectl", version("kubernetes"))
    return run(kubectl, "kustomize", folder).split("\n---\n")


def _write_split(folder: Path, name: str, documents: list[str], images: Mapping[str, str]) -> None:
    """The definitions of resources in one file, what uses them in another."""
    definition = re.compile(r"^kind: CustomResourceDefinition$", re.MULTILINE)
    _write(folder / f"{name}-crds.yaml", [d for d in documents if definition.search(d)], {})
    _write(folder / f"{name}.yaml", [d for d in documents if not definition.search(d)], images)


def _write(path: Path, documents: Iterable[str], images: Mapping[str, str]) -> None:
    """One file of many documents, their images replaced (pattern: ours).

    :raises BuildError: where a pattern is not there, or an image is left that was not built here.
    """
    text = "\n---\n".join(documents)
    for pattern, ours in images.items():
        text, replaced = re.subn(pattern, ours, text)
        if not replaced:
            raise BuildError(f"{path.name}: no image like {pattern} in the module's manifests")
    # An image that is in the store already is not to be asked for at a registry.
    text = text.replace("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent")
    foreign = set(re.findall(r"^[ -]*image: +[\"']?([^\s\"']+)", text, re.MULTILINE))
    foreign -= set(images.values())
    if foreign or "ko://" in text:
        raise BuildError(
            f"{path.name}: images that are not built here: {', '.join(sorted(foreign))}"
        )
    path.write_text(text, "utf-8")


_WRITERS: Mapping[str, Callable[[Cache, Path], None]] = {
    "knative": _knative,
    "net-kourier": _kourier,
    "kserve": _kserve,
    "metrics-server": _metrics_server,
    "keda": _keda,
    "source-controller": _flux,
}
