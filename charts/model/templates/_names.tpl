{{- /* Name of the model and of its InferenceService. */ -}}
{{- define "model.name" -}}
{{- .Values.name | default .Release.Name -}}
{{- end -}}

{{- /* Name of what KServe makes of an InferenceService; takes its name. */ -}}
{{- define "model.predictorName" -}}
{{- printf "%s-predictor" . -}}
{{- end -}}

{{- /* The longest host name that is made of an InferenceService's; takes root and name. */ -}}
{{- define "model.longestHost" -}}
{{- $tags := and (eq .root.Values.mode "Knative") .root.Values.tagRouting -}}
{{- printf "%s%s" ($tags | ternary "latest-" "") (include "model.predictorName" .name) -}}
{{- end -}}

{{- /* How many characters such a name may have: a host's are 63. */ -}}
{{- define "model.longestName" -}}
{{- sub 63 (len (include "model.longestHost" (dict "root" . "name" ""))) -}}
{{- end -}}

{{- /* Names of all InferenceServices of this release, separated by commas. */ -}}
{{- define "model.services" -}}
{{- $names := list (include "model.name" .) -}}
{{- range .Values.arms }}{{ $names = append $names (printf "%s-%s" (include "model.name" $) .name) }}{{ end -}}
{{- join "," $names -}}
{{- end -}}

{{- /* The address of a version; takes root and version. */ -}}
{{- define "model.storageUri" -}}
{{- .root.Values.storageUri | replace "{name}" (include "model.name" .root) | replace "{version}" .version -}}
{{- end -}}

{{- /* Labels that the chart itself puts on an InferenceService, whose pods carry them too: none that
changes with the chart, since any change makes a new revision. Takes the service's name. */ -}}
{{- define "model.ownLabels" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: trellis
{{- end -}}

{{- /* Labels of an arm beside those: by it the controller finds which model the arm is of, which its
name cannot tell. */ -}}
{{- define "model.armLabels" -}}
trellis.dev/arm-of: {{ include "model.name" . | quote }}
{{- end -}}

{{- /* Labels of everything else. */ -}}
{{- define "model.labels" -}}
app.kubernetes.io/name: {{ include "model.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: trellis
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* What Pod Security "restricted" asks of a container, and a read-only root file system. */ -}}
{{- define "model.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}
