{{- /* Who scales: what the values say, else the mode's own. */ -}}
{{- define "model.autoscaler" -}}
{{- .Values.scaling.autoscaler | default (eq .Values.mode "Knative" | ternary "knative" "hpa") -}}
{{- end -}}

{{- /* How long a revision may take until it counts as failed; empty: what its runtime says. Not shorter
than its container may take to start. */ -}}
{{- define "model.progressDeadline" -}}
{{- $of := has .Values.runtime (list "trellis-gpu" "trellis-keras") | ternary 120 60 -}}
{{- $startup := int .Values.probes.startupSeconds -}}
{{- if .Values.progressDeadline -}}
{{- .Values.progressDeadline -}}
{{- else if .Values.container.image -}}
{{- printf "%ds" (max 60 $startup) -}}
{{- else if gt $startup $of -}}
{{- printf "%ds" $startup -}}
{{- end -}}
{{- end -}}

{{- /* Annotations that follow from a value, and from which. */ -}}
{{- define "model.managedAnnotations" -}}
serving.kserve.io/deploymentMode: mode
serving.kserve.io/autoscalerClass: scaling.autoscaler
serving.kserve.io/enable-tag-routing: tagRouting
serving.knative.dev/progress-deadline: progressDeadline
autoscaling.knative.dev/window: scaling.knative.window
autoscaling.knative.dev/scale-down-delay: scaling.knative.scaleDownDelay
autoscaling.knative.dev/scale-to-zero-pod-retention-period: scaling.knative.scaleToZeroRetention
autoscaling.knative.dev/min-scale: scaling.minReplicas
autoscaling.knative.dev/max-scale: scaling.maxReplicas
autoscaling.knative.dev/metric: scaling.metric
autoscaling.knative.dev/target: scaling.target
{{- end -}}

{{- /* Annotations that the chart itself puts on an InferenceService. */ -}}
{{- define "model.ownAnnotations" -}}
{{- $knative := .Values.scaling.knative -}}
serving.kserve.io/deploymentMode: {{ .Values.mode }}
{{- if eq .Values.mode "Knative" }}
{{- if .Values.tagRouting }}
serving.kserve.io/enable-tag-routing: "true"
{{- end }}
{{- with include "model.progressDeadline" . }}
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
