"""The image of a kind node: Debian, the programs of Kubernetes, the control plane's images in its store."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.cluster.offline.archive import Config, write_archive, write_layer
from scripts.cluster.offline.cache import Cache, scratch
from scripts.cluster.offline.debian import write_files, write_root
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import run
from scripts.cluster.offline.programs import NODE, TOOLS
from scripts.cluster.offline.store import fill_store
from scripts.cluster.versions import version

FILES = Path(__file__).with_name("node")
PACKAGES = ("ca-certificates", "iproute2", "iptables", "procps", "runc", "systemd-sysv")
# What systemd of a node would only spend time on.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "getty.target",
    "systemd-binfmt.service",
)
CONTROL_PLANE_PATH = "/usr/local/bin:/usr/sbin:/usr/bin"
# kube-proxy calls iptables; installing the package would make these.
IPTABLES = {
    f"/usr/sbin/{family}tables{does}": "xtables-nft-multi"
    for family in ("ip", "ip6")
    for does in ("", "-restore", "-save")
}


def recipe() -> str:
    """What the image is made of besides Kubernetes: its files, packages and other programs."""
    files = "".join(file.read_text("utf-8") for file in sorted(FILES.iterdir()))
    return " ".join((*PACKAGES, *MASKED)) + files + "".join(f"{p.name} {p.version}" for p in NODE)


def archive(cache: Cache) -> Path:
    """Where its archive lies, once written."""
    return cache.image("node", f"v{version('kubernetes')}", recipe())


def reference(cache: Cache) -> str:
    """The node image's name, with its version and recipe as the tag.

    So a changed file of the node is another image, which a running cluster does not have.
    """
    return f"trellis/node:{archive(cache).stem.removeprefix('node-')}"


def write_node(cache: Cache, say: Callable[[str], None]) -> None:
    """Write the node image's archive where the cache does not have it.

    :raises BuildError: where a program of it fails, or kubeadm asks for other images than pinned.
    """
    if archive(cache).exists():
        return
    began = time.monotonic()
    say(f"writing the node image {reference(cache)}")
    programs = {p.name: cache.program(p.name, p.version) for p in (*NODE, *TOOLS)}
    with scratch(cache.root / "images" / ".node") as folder:
        images = control_plane(programs["kubeadm"])
        layers = [folder / name for name in ("packages.tar", "files.tar", "store.tar")]
        write_root(layers[0], PACKAGES)
        _write_files(layers[1], programs, images["pause"])
        _write_store(layers[2], folder, programs, images)
        write_archive(
            archive(cache),
            reference(cache),
            layers,
            Config(
                entrypoint=("/usr/local/bin/entrypoint", "/sbin/init"),
                user="",
                environment={"container": "docker"},
                stop_signal="SIGRTMIN+3",
            ),
        )
    cache.drop_older(archive(cache))
    say(f"wrote the node image in {time.monotonic() - began:.0f} s")


def control_plane(kubeadm: Path) -> dict[str, str]:
    """The images that kubeadm wants in a node, by the program that each holds.

    :raises BuildError: where their versions are not the pinned ones.
    """
    kubernetes = f"v{version('kubernetes')}"
    pinned = {
        "etcd": version("etcd-image"),
        "coredns": f"v{version('coredns')}",
        "pause": version("pause"),
    }
    wanted: dict[str, str] = {}
    for name in run(
        kubeadm, "config", "images", "list", "--kubernetes-version", kubernetes
    ).split():
        path, _, tag = name.rpartition(":")
        program = path.rpartition("/")[2]
        if tag != pinned.get(program, kubernetes):
            raise BuildError(
                f"kubeadm {kubernetes} asks for {program} {tag}, versions.toml pins "
                f"{pinned.get(program, kubernetes)}: change the pin and the module of that name"
            )
        wanted[program] = name
    return wanted


def _write_files(path: Path, programs: Mapping[str, Path], pause: str) -> None:
    units = ("containerd.service", "kubelet.service")
    system = "/etc/systemd/system"
    binaries = (
        "kubeadm",
        "kubelet",
        "kubectl",
        "crictl",
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
    )
    write_layer(
        path,
        files={
            **{f"/usr/bin/{name}": programs[name] for name in binaries},
            **{
                f"/opt/cni/bin/{n}": programs[n]
                for n in ("ptp", "host-local", "portmap", "loopback")
            },
            **{f"{system}/{unit}": FILES / unit for unit in units},
            "/usr/local/bin/entrypoint": FILES / "entrypoint",
            "/kind/manifests/default-cni.yaml": FILES / "default-cni.yaml",
            "/kind/pod-network.conflist": FILES / "pod-network.conflist",
        },
        texts={
            "/kind/version": f"v{version('kubernetes')}\n",
            "/etc/crictl.yaml": "runtime-endpoint: unix:///run/containerd/containerd.sock\n",
            "/etc/containerd/config.toml": (FILES / "containerd.toml")
            .read_text()
            .replace("@PAUSE@", pause),
            # Lets the entrypoint lead the pods' DNS queries to 127.0.0.11.
            "/etc/sysctl.d/10-resolver.conf": "net.ipv4.conf.all.route_localnet=1\n",
        },
        links={
            **{f"{system}/multi-user.target.wants/{unit}": f"{system}/{unit}" for unit in units},
            **{f"{system}/{unit}": "/dev/null" for unit in MASKED},
        },
    )


def _write_store(
    path: Path, folder: Path, programs: Mapping[str, Path], images: Mapping[str, str]
) -> None:
    """Containerd's store with the control plane's images: a node starts without loading any."""
    archives = []
    iptables = folder / "iptables.tar"
    write_files(iptables, ("iptables",))
    for program, name in images.items():
        layer, image = folder / f"{program}-layer.tar", folder / f"{program}-image.tar"
        location = f"/usr/local/bin/{program}"
        write_layer(
            layer, {location: programs[program]}, links=IPTABLES if program == "kube-proxy" else {}
        )
        write_archive(
            image,
            name,
            [iptables, layer] if program == "kube-proxy" else [layer],
            Config(entrypoint=(location,), user="", environment={"PATH": CONTROL_PLANE_PATH}),
        )
        archives.append(image)
    fill_store(folder, programs, archives, path)
