import os
import subprocess
import sys
import threading
from pathlib import Path

from scripts.cluster.lock import held
from scripts.cluster.program import Program


def test_a_second_one_says_for_whom_it_waits(tmp_path: Path) -> None:
    said, ended = list[str](), list[str]()

    def second() -> None:
        with held(tmp_path, said.append):
            ended.append("second")

    with held(tmp_path, said.append):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        ended.append("first")
    thread.join(10)
    assert ended == ["first", "second"]
    assert said == [f"Waiting for process {os.getpid()}, or the kind it started, to end"]


def test_a_child_that_outlives_us_holds_it_on(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from scripts.cluster.lock import held\n"
        "from scripts.cluster.program import Program\n"
        "with held(Path(sys.argv[1]), print) as lock:\n"
        "    Program(Path('/bin/sh'), '-c', keep=(lock,))('sleep 1 >/dev/null 2>&1 &')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    said = list[str]()
    with held(tmp_path, said.append):
        assert len(said) == 1


def test_a_program_inherits_nothing_else(tmp_path: Path) -> None:
    with held(tmp_path, print) as lock:
        there = f"test -e /proc/self/fd/{lock} && echo there || echo gone"
        assert Program(Path("/bin/sh"), "-c")(there) == "gone\n"
        assert Program(Path("/bin/sh"), "-c", keep=(lock,))(there) == "there\n"
