"""The fields of an InferenceService (serving.kserve.io/v1beta1), to catch a misspelt one.

KServe's API server refuses unknown fields; without a cluster nobody would.
"""

import difflib


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CONTAINER = _names(
    "name image command args env envFrom imagePullPolicy lifecycle livenessProbe ports"
    " readinessProbe resizePolicy resources restartPolicy restartPolicyRules securityContext"
    " startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty"
    " volumeDevices volumeMounts workingDir"
)

#: Predictors of KServe's older form, one field a framework.
LEGACY_FRAMEWORKS = _names(
    "huggingface lightgbm onnx paddle pmml pytorch sklearn tensorflow triton xgboost"
)

TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
METADATA = _names(
    "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers"
    " generateName generation labels managedFields name namespace ownerReferences"
    " resourceVersion selfLink uid"
)
SPEC = frozenset({"predictor", "transformer", "explainer", "canary", "tracing"})
PREDICTOR = LEGACY_FRAMEWORKS | _names(
    "activeDeadlineSeconds affinity annotations autoScaling automountServiceAccountToken batcher"
    " canaryTrafficPercent containerConcurrency containers deploymentStrategy dnsConfig dnsPolicy"
    " enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers"
    " hostname hostnameOverride imagePullSecrets initContainers labels logger maxReplicas"
    " minReplicas model name nodeName nodeSelector os overhead preemptionPolicy priority"
    " priorityClassName readinessGates resourceClaims resources restartPolicy runtimeClassName"
    " scaleMetric scaleMetricType scaleTarget schedulerName schedulingGates schedulingGroup"
    " securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace"
    " storageContainerName storageUris subdomain terminationGracePeriodSeconds timeout tolerations"
    " topologySpreadConstraints volumes workerSpec"
)
MODEL = _CONTAINER | _names(
    "confidential modelFormat protocolVersion runtime runtimeVersion storage storageUri"
)
CONTAINER = _CONTAINER
ENV = frozenset({"name", "value", "valueFrom"})


def near_name(name: str, known: frozenset[str]) -> str | None:
    """The known field that ``name`` most likely means, if any is near."""
    folded = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else None
