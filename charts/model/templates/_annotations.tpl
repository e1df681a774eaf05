{{- /* Who scales: what the values say, else the mode's own. */ -}}
{{- define "model.autoscaler" -}}
{{- .Values.scaling.autoscaler | default (eq .Values.mode "Knative" | ternary "knative" "hpa") -}}
{{- end -}}

{{- /* Annotations that the chart itself puts on an InferenceService. */ -}}
{{- define "model.ownAnnotations" -}}
{{- $knative := .Values.scaling.knative -}}
serving.kserve.io/deploymentMode: {{ .Values.mode }}
{{- if eq .Values.mode "Knative" }}
{{- if .Values.tagRouting }}
serving.kserve.io/enable-tag-routing: "true"
{{- end }}
{{- with .Values.progressDeadline | default (empty .Values.container.image | ternary "" "60s") }}
serving.knative.dev/progress-deadline: {{ . }}
{{- end }}
{{- with $knative.window }}
autoscaling.knative.dev/window: {{ . }}
{{- end }}
{{- with $knative.scaleDownDelay }}
autoscaling.knative.dev/scale-down-delay: {{ . }}
{{- end }}
{{- with $knative.scaleToZeroRetention }}
autoscaling.knative.dev/scale-to-zero-pod-retention-period: {{ . }}
{{- end }}
{{- else }}
{{- /* KServe's own KEDA class knows few triggers: with it the ScaledObject is this chart's. */}}
serving.kserve.io/autoscalerClass: {{ include "model.autoscaler" . | replace "keda" "external" }}
{{- end }}
{{- end -}}
