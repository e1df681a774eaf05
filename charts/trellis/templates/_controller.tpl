{{- define "trellis.controllerSelector" -}}
app.kubernetes.io/name: trellis-controller
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: trellis
{{- end -}}

{{- /* Of what belongs to the whole cluster, one for each namespace with a release. */ -}}
{{- define "trellis.controllerClusterName" -}}
{{- printf "trellis-controller-%s" .Release.Namespace -}}
{{- end -}}

{{- /* Where the gateway finds its controller; empty: nowhere. */ -}}
{{- define "trellis.controllerUrl" -}}
{{- $own := printf "http://trellis-controller.%s.svc.cluster.local" .Release.Namespace -}}
{{- .Values.gateway.controllerUrl | default (.Values.controller.enabled | ternary $own "") -}}
{{- end -}}

{{- define "trellis.controllerPrometheus" -}}
{{- .Values.controller.prometheusUrl | default .Values.gateway.prometheusUrl -}}
{{- end -}}

{{- /* Settings that follow from a value, and from which. */ -}}
{{- define "trellis.controllerManaged" -}}
TRELLIS_NAMESPACE: controller.scope
TRELLIS_POD_NAMESPACE: the chart itself
TRELLIS_HTTP_PORT: the chart itself
TRELLIS_TABLE_CONFIG_MAP: the chart itself
TRELLIS_CONTROLLER_TOKEN: gateway.existingSecret
TRELLIS_WEBHOOK: controller.webhook.enabled
TRELLIS_WEBHOOK_PORT: the chart itself
TRELLIS_WEBHOOK_CERTIFICATE: controller.webhook.certificate
TRELLIS_WEBHOOK_SERVICE: the chart itself
TRELLIS_WEBHOOK_CONFIGURATION: the chart itself
TRELLIS_METRICS_SOURCE: controller.metricsSource
TRELLIS_PROMETHEUS_URL: controller.prometheusUrl
TRELLIS_SCRAPE_INTERVAL: controller.scrapeInterval
TRELLIS_NOTIFICATION_URLS: controller.notifications.existingSecret
TRELLIS_NOTIFICATION_SECRET: controller.notifications.existingSecret
TRELLIS_REDIS_URL: redis.url
TRELLIS_REDIS_PREFIX: the chart itself
{{- end -}}

{{- /* Rules of what it may read and change where it looks; docs/rollout/resources.md says what for. */ -}}
{{- define "trellis.controllerRules" -}}
- apiGroups: [trellis.dev]
  resources: [rollouts, experiments]
  verbs: [get, list, watch, patch]
- apiGroups: [trellis.dev]
  resources: [experiments]
  verbs: [create]
- apiGroups: [trellis.dev]
  resources: [rollouts/status, experiments/status]
  verbs: [update]
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, patch]
- apiGroups: [serving.knative.dev]
  resources: [services, revisions]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
