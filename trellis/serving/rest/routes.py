"""The quiet routes: health, metadata, readiness, examples, the repository extension."""

from typing import Any

from trellis import __version__
from trellis.serving.dataplane import DataPlane
from trellis.serving.errors import MethodNotAllowed, NotFound, NotReady
from trellis.serving.repository import Repository

EXTENSIONS = ["binary_tensor_data", "model_repository"]


class QuietRoutes:
    """Each returns the document of its answer or raises a ``ServingError``.

    ``alone`` is false in one of several workers, which cannot load or unload for the others.
    """

    def __init__(self, dataplane: DataPlane, *, alone: bool = True) -> None:
        self._alone = alone
        self._dataplane = dataplane
        self._repository: Repository = dataplane.repository

    def server_metadata(self) -> dict[str, Any]:
        """V2 server metadata."""
        return {"name": "trellis", "version": __version__, "extensions": EXTENSIONS}

    def health(self) -> dict[str, Any]:
        """``{"status": "ok"}`` once ready; raises ``NotReady``."""
        if not self._dataplane.admission.ready:
            raise NotReady("the server is not ready")
        return {"status": "ok"}

    def live(self) -> dict[str, Any]:
        """The process answers."""
        return {"live": True}

    def ready(self) -> dict[str, Any]:
        """The process takes requests: what it loads at the start has been tried, and some of it loaded.

        Whether one model answers, its own ``ready`` says. Raises ``NotReady``.
        """
        self.health()
        return {"ready": True}

    def models(self) -> dict[str, Any]:
        """Names of all models."""
        return {"models": sorted(self._repository.folders)}

    def model_ready(self, model: str, version: str | None) -> dict[str, Any]:
        """Whether a request would be answered; raises ``NotFound``, ``NotReady``."""
        key = self._repository.resolve(model, version)
        if not self._dataplane.admission.ready or not self._repository.is_ready(key):
            state, reason = self._repository.state(key)
            told = f": {reason}" if reason else ""
            raise NotReady(f"version {key[1]!r} of model {model!r} is {state.lower()}{told}")
        return {"name": model, "ready": True, "version": key[1]}

    async def metadata(self, model: str, version: str | None) -> dict[str, Any]:
        """V2 model metadata with labels, fingerprint, held-out metrics and the data's note."""
        key = self._repository.resolve(model, version)
        loaded = await self._repository.get(key)
        return loaded.metadata(self._repository.versions(model))

    async def examples(self, model: str, version: str | None) -> dict[str, Any]:
        """Requests that the version answers, each as the body of an infer request."""
        loaded = await self._repository.get(self._repository.resolve(model, version))
        return loaded.examples()

    def index(self, *, only_ready: bool) -> list[dict[str, str]]:
        """The repository's versions and their states."""
        rows = []
        for model, versions in self._repository.folders.items():
            for version in versions:
                state, reason = self._repository.state((model, version))
                if state == "READY" or not only_ready:
                    rows.append(
                        {"name": model, "version": version, "state": state, "reason": reason}
                    )
        return rows

    async def load(self, model: str, version: str | None) -> dict[str, Any]:
        """Load one version, or all of the model's; raises ``NotFound``, ``NotReady``, ``MethodNotAllowed``."""
        for key in self._keys(model, version):
            await self._repository.load(key)
        return {"name": model, "load": True}

    async def unload(self, model: str, version: str | None) -> dict[str, Any]:
        """Unload one version, or all of the model's; raises ``NotFound``."""
        for key in self._keys(model, version):
            await self._repository.unload(key)
        return {"name": model, "unload": True}

    def _keys(self, model: str, version: str | None) -> list[tuple[str, str]]:
        if not self._alone:
            raise MethodNotAllowed(
                "versions are not loaded or unloaded by request where several workers serve", ""
            )
        known = self._repository.versions(model)
        if version is not None and version not in known:
            raise NotFound(f"unknown version {version!r:.70} of model {model!r}; known: {known}")
        return [(model, one) for one in known if version in (None, one)]
