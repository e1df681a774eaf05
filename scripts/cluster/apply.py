"""Applying documents, patiently where an admission webhook is still on its way up."""

import time
from collections.abc import Iterable

from scripts.cluster.documents import Document, Manifest, definition_names, stream
from scripts.cluster.program import Program, ProgramFailed
from scripts.cluster.progress import Say

#: The owner of the fields that these scripts set.
MANAGER = "trellis-cluster"

#: What the API server says while nobody answers behind a webhook or an aggregated API.
_ON_ITS_WAY = (
    "failed calling webhook",
    "no endpoints available",
    "connection refused",
    "the server is currently unable to handle the request",
    "ensure CRDs are installed first",
    "was refused - did you specify the right host or port",
)
_PAUSE = 1.0  # seconds


def definitions(kubectl: Program, manifests: Iterable[Manifest], say: Say) -> None:
    """Apply custom resource definitions and wait until the API server serves them."""
    texts: list[str] = []
    names: list[str] = []
    for manifest in manifests:
        texts += manifest.definitions
        names += definition_names(manifest)
    if not texts:
        return
    say(f"{len(names)} custom resource definitions to be served")
    objects(kubectl, texts, say)
    kubectl(
        "wait", "--for=condition=Established", "--timeout=60s",
        *(f"customresourcedefinition/{name}" for name in names),
    )  # fmt: skip


def objects(
    kubectl: Program, documents: Iterable[Document | str], say: Say, patience: float = 120
) -> None:
    """Apply documents in their order, as the owner of their fields.

    ``patience`` in seconds is for webhooks that do not answer yet.

    :raises ProgramFailed: for any other refusal, and at the end of the patience.
    """
    text = stream(documents)
    end = time.monotonic() + patience
    while True:
        try:
            kubectl(
                "apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}",
                "--filename=-", text=text,
            )  # fmt: skip
        except ProgramFailed as failed:
            if time.monotonic() > end or not any(sign in failed.said for sign in _ON_ITS_WAY):
                raise
            say("an admission webhook to answer")
            time.sleep(_PAUSE)
        else:
            return
