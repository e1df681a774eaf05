{{- define "trellis.labels" -}}
app.kubernetes.io/part-of: trellis
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* An image of ours with the registry and tag of the values; takes root and repository. */ -}}
{{- define "trellis.image" -}}
{{- printf "%s%s:%s" .root.Values.image.registry .repository (.root.Values.image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}

{{- /* What Pod Security "restricted" asks of a container, and a read-only root file system. */ -}}
{{- define "trellis.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- /* The objects of a file, with the chart's labels and more; takes root, path and labels. */ -}}
{{- define "trellis.objects" -}}
{{- $labels := merge (dict) .labels (include "trellis.labels" .root | fromYaml) -}}
{{- range $text := regexSplit "(?m)^---$" (.root.Files.Get .path) -1 }}
{{- $object := fromYaml $text }}
{{- $_ := set $object.metadata "namespace" $.root.Release.Namespace }}
{{- $_ := set $object.metadata "labels" (merge (dict) $labels $object.metadata.labels) }}
---
{{ toYaml $object }}
{{- end }}
{{- end -}}
