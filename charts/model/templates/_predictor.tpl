{{- /* spec.predictor of an InferenceService. Takes root, name, version, runtime, minReplicas,
maxReplicas and, for the main service only, canary. */ -}}
{{- define "model.predictor" -}}
{{- $values := .root.Values -}}
{{- $scaling := $values.scaling -}}
automountServiceAccountToken: false
{{- if eq $values.mode "Standard" }}
{{- /* Else each Service of the namespace comes as environment, TRELLIS_... of another meaning too. */}}
enableServiceLinks: false
{{- end }}
{{- with $values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
minReplicas: {{ .minReplicas }}
maxReplicas: {{ .maxReplicas }}
{{- if and .canary (not (kindIs "invalid" $values.canaryTrafficPercent)) }}
canaryTrafficPercent: {{ $values.canaryTrafficPercent }}
{{- end }}
{{- with $scaling.metric }}
scaleMetric: {{ . }}
{{- end }}
{{- with $scaling.target }}
scaleTarget: {{ . }}
{{- end }}
{{- if eq $values.mode "Knative" }}
{{- with $scaling.containerConcurrency }}
containerConcurrency: {{ . }}
{{- end }}
timeout: {{ $values.timeoutSeconds }}
{{- else }}
terminationGracePeriodSeconds: {{ $values.timeoutSeconds }}
{{- end }}
{{- with include "model.pullSecrets" .root }}
{{- . | nindent 0 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $tolerations := $values.tolerations }}
{{- if $values.gpu.count }}
{{- $tolerations = append $tolerations (dict "key" $values.gpu.resourceName "operator" "Exists" "effect" "NoSchedule") }}
{{- end }}
{{- with $tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpread }}
{{- if .topologyKey }}
topologySpreadConstraints:
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        serving.kserve.io/inferenceservice: {{ $.name }}
    matchLabelKeys:
      - {{ eq $values.mode "Knative" | ternary "serving.knative.dev/revision" "pod-template-hash" }}
{{- end }}
{{- end }}
{{- if $values.container.image }}
containers:
  - name: kserve-container
    {{- include "model.ownContainer" . | nindent 4 }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- else }}
model:
  modelFormat:
    name: {{ $values.modelFormat }}
  runtime: {{ .runtime }}
  {{- if eq $values.protocol "grpc-v2" }}
  protocolVersion: grpc-v2
  {{- end }}
  storageUri: {{ include "model.storageUri" . }}
  {{- with $values.image }}
  image: {{ . }}
  {{- end }}
  {{- with $values.args }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "model.environment" (dict "values" $values "first" (list)) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "model.probeTimes" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "model.askedFor" .root }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* env and envFrom; takes values and the entries that come first. */ -}}
{{- define "model.environment" -}}
{{- $entries := .first -}}
{{- $environment := .values.env -}}
{{- if eq .values.mode "Standard" }}
{{- $environment = merge (dict) $environment (dict "TRELLIS_DRAIN_DELAY" (toString .values.drainDelaySeconds)) }}
{{- end }}
{{- range $name, $value := $environment }}
{{- $entries = append $entries (dict "name" $name "value" $value) }}
{{- end }}
{{- with $entries -}}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "model.pullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- /* resources of the predictor; what a serving runtime adds is not there. */ -}}
{{- define "model.askedFor" -}}
{{- $requests := dict -}}
{{- $limits := dict -}}
{{- if .Values.container.image -}}
{{- $requests = dict "cpu" "100m" "memory" "192Mi" -}}
{{- $limits = dict "cpu" "1" "memory" "512Mi" -}}
{{- end -}}
{{- include "model.resources" (dict "root" . "requests" $requests "limits" $limits) -}}
{{- end -}}

{{- /* Takes root and whose defaults hold where the values say nothing. */ -}}
{{- define "model.resources" -}}
{{- $values := .root.Values -}}
{{- $requests := merge (dict) $values.resources.requests .requests -}}
{{- $limits := merge (dict) $values.resources.limits .limits -}}
{{- if $values.gpu.count }}
{{- $limits = merge (dict $values.gpu.resourceName (toString $values.gpu.count)) $limits }}
{{- end -}}
{{- if or $requests $limits -}}
resources:
  {{- with $requests }}
  requests:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $limits }}
  limits:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* Empty: the runtime's own. No activator waits for readiness in Standard mode, where Kubernetes would
ask every ten seconds. */ -}}
{{- define "model.readinessPeriod" -}}
{{- .Values.probes.readinessPeriodSeconds | default (eq .Values.mode "Standard" | ternary "1" "") -}}
{{- end -}}

{{- /* Times over those of the runtime's probes, into which KServe merges them. */ -}}
{{- define "model.probeTimes" -}}
{{- $probes := .root.Values.probes -}}
{{- with $probes.startupSeconds -}}
startupProbe:
  periodSeconds: 1
  failureThreshold: {{ . }}
{{ end -}}
{{- with include "model.readinessPeriod" .root -}}
readinessProbe:
  periodSeconds: {{ . }}
{{ end -}}
{{- with $probes.livenessFailures -}}
livenessProbe:
  periodSeconds: 10
  failureThreshold: {{ . }}
{{ end -}}
{{- end -}}
