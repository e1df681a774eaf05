import json
from pathlib import Path

import pytest

from scripts.cluster.offline import node
from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.programs import NODE
from scripts.cluster.versions import version

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")


@pytest.fixture
def kubeadm(tmp_path: Path) -> Path:
    """A kubeadm that asks for what is pinned."""
    images = [f"example.io/{name}:v{version('kubernetes')}" for name in PROGRAMS]
    images += [
        f"example.io/coredns/coredns:v{version('coredns')}",
        f"example.io/pause:{version('pause')}",
    ]
    images += [f"example.io/etcd:{version('etcd-image')}"]
    path = tmp_path / "kubeadm"
    path.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(images) + "\nEND\n")
    path.chmod(0o755)
    return path


def test_the_control_planes_images_are_found_by_their_programs(kubeadm: Path) -> None:
    wanted = node.control_plane(kubeadm)
    assert set(wanted) == {*PROGRAMS, "coredns", "pause", "etcd"}
    assert wanted["coredns"].startswith("example.io/coredns/coredns:v")


def test_a_kubeadm_that_asks_for_another_version_is_refused(kubeadm: Path) -> None:
    kubeadm.write_text(kubeadm.read_text().replace(version("etcd-image"), "9.9.9-0"))
    with pytest.raises(
        BuildError, match=rf"etcd 9\.9\.9-0, versions\.toml pins {version('etcd-image')}"
    ):
        node.control_plane(kubeadm)


def test_a_changed_file_of_the_node_is_another_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = node.reference(Cache(tmp_path))
    for file in node.FILES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(node, "FILES", tmp_path)
    assert node.reference(Cache(tmp_path)) == before
    (tmp_path / "entrypoint").write_text("exit 1\n")
    assert node.reference(Cache(tmp_path)) != before


def test_the_pods_network_is_a_network_once_its_blanks_are_filled() -> None:
    text = (node.FILES / "pod-network.conflist").read_text()
    network = json.loads(text.replace("@OWN@", "3").replace("@MTU@", "1500"))
    addresses = network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]
    assert addresses == "10.244.3.0/24"
    used = {plugin["type"] for plugin in network["plugins"]} | {"host-local"}
    assert used < {program.name for program in NODE}
