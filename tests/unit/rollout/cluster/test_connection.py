import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from trellis.rollout.cluster.connection import connect
from trellis.rollout.errors import CannotStart


def kubeconfig(folder: Path, user: dict[str, Any], server: str = "http://127.0.0.1:1") -> str:
    path = folder / "config"
    document = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(document))
    return str(path)


def test_a_token_is_shown(tmp_path: Path) -> None:
    found = connect({"KUBECONFIG": kubeconfig(tmp_path, {"token": "abc"})})
    assert found.authorization() == {"authorization": "Bearer abc"}
    assert found.namespace == "mine"
    assert "abc" not in repr(found)


def test_a_token_in_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    found = connect({"KUBECONFIG": kubeconfig(tmp_path, {"tokenFile": "token"})})
    assert found.authorization() == {"authorization": "Bearer one"}
    (tmp_path / "token").write_text("two\n")
    assert found.authorization() == {"authorization": "Bearer two"}


def test_https_is_verified_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    found = connect({"KUBECONFIG": kubeconfig(tmp_path, {}, "https://127.0.0.1:1")})
    assert isinstance(found.tls, ssl.SSLContext)
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    assert found.authorization() == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no YAML"),
        ("{}", "does not name a context"),
        (json.dumps({"current-context": "x", "contexts": []}), "does not name a context"),
    ],
)
def test_what_is_no_kubeconfig_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(CannotStart, match=words):
        connect({"KUBECONFIG": str(path)})


def test_a_login_that_is_not_understood_is_told(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"exec": {"command": "aws"}})
    with pytest.raises(CannotStart, match="logs in by exec"):
        connect({"KUBECONFIG": path})


def test_neither_pod_nor_kubeconfig_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="this is no pod"):
        connect({"KUBECONFIG": str(tmp_path / "none")})


def test_an_authority_in_the_file_itself_is_trusted(tmp_path: Path) -> None:
    path = Path(kubeconfig(tmp_path, {}, "https://127.0.0.1:1"))
    document = json.loads(path.read_text())
    document["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(
        b"no"
    ).decode()
    path.write_text(json.dumps(document))
    with pytest.raises(CannotStart, match="certificate"):
        connect({"KUBECONFIG": str(path)})
