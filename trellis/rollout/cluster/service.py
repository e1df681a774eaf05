"""The facts of one InferenceService and of what KServe made of it, as the plan sees it. Pure."""

from collections.abc import Iterable, Sequence

from trellis.rollout.cluster.facts import KnativeService, PodFact, Revision, Service
from trellis.rollout.seen import RevisionSeen, ServiceSeen

_KNATIVE = frozenset(("", "Serverless", "Knative"))


def service_seen(
    service: Service,
    knative: KnativeService | None,
    revisions: Iterable[Revision],
    pods: Sequence[PodFact],
) -> ServiceSeen:
    """What the plan decides by.

    ``wanted`` is the Knative Service's template with the source and the image that the
    InferenceService names itself: KServe takes a moment to carry them over, and until it has, the
    newest revision is not that of the spec.
    """
    seen = {found.key[1]: _revision_seen(found, service, pods) for found in revisions}
    if knative is not None:
        wanted = knative.artefact.asked(service.source, service.image)
        version, identity = wanted.version, wanted.identity
    else:
        version, identity = "", ""
    return ServiceSeen(
        name=service.key[1],
        token=service.token,
        order=int(service.token) if service.token.isdigit() else 0,
        wanted_version=version,
        wanted_identity=identity,
        created=service.created,
        ready=service.ready,
        rolled_out=service.rolled_out,
        weight=service.weight,
        weight_owner=service.owner.kind,
        weight_owner_name=service.owner.name,
        cannot_split=_cannot_split(service),
        revisions=seen,
        traffic=service.traffic,
        tags=service.tags,
        routed=service.routed,
    )


def _cannot_split(service: Service) -> str:
    name = service.key[1]
    if service.mode not in _KNATIVE:
        return (
            f"InferenceService {name} runs in mode {service.mode}, in which KServe ignores "
            "canaryTrafficPercent; its mode cannot be changed, so make it anew with the annotation "
            "serving.kserve.io/deploymentMode: Knative"
        )
    if service.canaries:
        return (
            f"InferenceService {name} has spec.canary, of which KServe makes deployments but splits "
            "no traffic; leave it out, a Rollout needs no other version in the manifest"
        )
    return ""


def _revision_seen(found: Revision, service: Service, pods: Sequence[PodFact]) -> RevisionSeen:
    name = found.key[1]
    own = [pod for pod in pods if pod.revision == name and not pod.terminating]
    words = ""
    if not found.ready or (own and not any(pod.ready for pod in own)):
        words = next((pod.failing for pod in own if pod.failing), found.failure)
        if not words and name == service.failure[0] and not found.ready:
            words = service.failure[1]
    return RevisionSeen(
        name=name,
        version=found.artefact.version,
        identity=found.artefact.identity,
        created=found.created,
        ready=found.ready,
        failing=words,
        grpc=found.grpc,
    )
