{{- /* The container of the custom-container form, without its name; takes what model.predictor does. */ -}}
{{- define "model.ownContainer" -}}
{{- $values := .root.Values -}}
{{- $container := $values.container -}}
{{- $arguments := $values.args -}}
{{- with $container.nameFlag }}
{{- $arguments = prepend $arguments (printf "%s=%s" . $.name) }}
{{- end -}}
image: {{ $container.image }}
imagePullPolicy: IfNotPresent
{{- with $container.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $arguments }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- /* KServe puts what STORAGE_URI names under /mnt/models. */}}
{{- $storage := dict "name" "STORAGE_URI" "value" (include "model.storageUri" .) }}
{{ include "model.environment" (dict "values" $values "first" (list $storage)) }}
ports:
  - name: http1
    containerPort: {{ $container.port }}
    protocol: TCP
startupProbe:
  httpGet:
    path: {{ $container.readyPath }}
    port: {{ $container.port }}
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: {{ $values.probes.startupSeconds | default 60 }}
readinessProbe:
  httpGet:
    path: {{ $container.readyPath }}
    port: {{ $container.port }}
  {{- with include "model.readinessPeriod" .root }}
  periodSeconds: {{ . }}
  {{- end }}
livenessProbe:
  httpGet:
    path: {{ $container.livePath }}
    port: {{ $container.port }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: {{ $values.probes.livenessFailures | default 3 }}
{{ include "model.askedFor" .root }}
securityContext:
  {{- include "model.securityContext" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end -}}
