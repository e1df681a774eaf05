"""Labels and annotations that GitOps tools put on what they apply.

KServe copies an InferenceService's metadata into the revision's template, so each of these would
make a new revision, a canary without a new model. Keys listed in `inferenceservice-config` are
not copied. KServe compares whole keys: a new key of a tool has to be added here.
"""

ARGO_CD_LABELS = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")
ARGO_CD_ANNOTATIONS = (
    "argocd.argoproj.io/compare-options",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/sync-options",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/tracking-id",
)

FLUX_LABELS = (
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
    "helm.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/namespace",
)
FLUX_ANNOTATIONS = (
    "kustomize.toolkit.fluxcd.io/checksum",
    "kustomize.toolkit.fluxcd.io/force",
    "kustomize.toolkit.fluxcd.io/prune",
    "kustomize.toolkit.fluxcd.io/reconcile",
    "kustomize.toolkit.fluxcd.io/ssa",
    "helm.toolkit.fluxcd.io/driftDetection",
    "reconcile.fluxcd.io/requestedAt",
)

HELM_LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart")
HELM_ANNOTATIONS = (
    "helm.sh/resource-policy",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
)

LABELS = (*ARGO_CD_LABELS, *FLUX_LABELS, *HELM_LABELS)
ANNOTATIONS = (*ARGO_CD_ANNOTATIONS, *FLUX_ANNOTATIONS, *HELM_ANNOTATIONS)
