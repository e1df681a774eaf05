"""A way to what has no ingress: `kubectl port-forward`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.support.kube import Kube
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.ports import free_port
from tests.integration.serving.process import HOST, Caller


@contextmanager
def forwarded(kube: Kube, namespace: str, target: str, port: int) -> Iterator[int]:
    """A port of this machine that leads to a pod, ``pod/NAME`` or one of ``service/NAME``, once it
    answers HTTP.
    """
    local = free_port()
    command = [
        str(kube.run.path), "--kubeconfig", str(kube.settings.kubeconfig),
        "port-forward", "--namespace", namespace, target, f"{local}:{port}",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        try:
            wait_for(f"way to {target}", lambda: _answers(child, local), 30)
            yield local
        finally:
            child.terminate()


def _answers(child: subprocess.Popen[bytes], port: int) -> None:
    if child.poll() is not None:
        said = child.stdout.read().decode() if child.stdout else ""
        raise AssertionError(f"kubectl port-forward ended with {child.returncode}: {said}")
    try:
        with Caller(port) as caller:
            status = caller.get("/v2/health/live").status
    except OSError as error:
        raise NotYet(str(error)) from error
    if status != 200:
        raise NotYet(f"the status is {status} at {HOST}:{port}")
