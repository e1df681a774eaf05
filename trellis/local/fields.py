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
RESOURCES = frozenset({"limits", "requests", "claims"})

#: The types of fields, by where they stand; a field of none of them has another check.
PREDICTOR_TYPES: dict[type, frozenset[str]] = {
    int: _names(
        "activeDeadlineSeconds containerConcurrency maxReplicas minReplicas scaleTarget"
        " terminationGracePeriodSeconds timeout"
    ),
    str: _names(
        "dnsPolicy hostname hostnameOverride name nodeName preemptionPolicy priorityClassName"
        " restartPolicy runtimeClassName scaleMetric scaleMetricType schedulerName serviceAccount"
        " serviceAccountName storageContainerName subdomain"
    ),
    bool: _names(
        "automountServiceAccountToken enableServiceLinks hostIPC hostNetwork hostPID hostUsers"
        " setHostnameAsFQDN shareProcessNamespace"
    ),
    list: _names(
        "ephemeralContainers hostAliases imagePullSecrets initContainers readinessGates"
        " resourceClaims schedulingGates storageUris tolerations topologySpreadConstraints volumes"
    ),
    dict: _names(
        "affinity annotations autoScaling batcher deploymentStrategy dnsConfig labels logger"
        " nodeSelector os overhead resources schedulingGroup securityContext workerSpec"
    ),
}
CONTAINER_TYPES: dict[type, frozenset[str]] = {
    str: _names(
        "image imagePullPolicy name protocolVersion restartPolicy runtime runtimeVersion"
        " storageUri terminationMessagePath terminationMessagePolicy workingDir"
    ),
    bool: _names("stdin stdinOnce tty"),
    list: _names("envFrom ports resizePolicy restartPolicyRules volumeDevices volumeMounts"),
    dict: _names(
        "lifecycle livenessProbe readinessProbe resources securityContext startupProbe storage"
    ),
}
METADATA_TYPES: dict[type, frozenset[str]] = {
    str: _names("generateName namespace"),
    list: _names("finalizers ownerReferences"),
}


def near_name(name: str, known: frozenset[str]) -> str | None:
    """The known field that ``name`` most likely means, if any is near."""
    folded = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else None
