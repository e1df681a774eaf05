{{- /* Labels by which pods of the gateway or of its workers are selected; takes the component. */ -}}
{{- define "trellis.gatewaySelector" -}}
app.kubernetes.io/name: trellis-{{ . }}
app.kubernetes.io/component: {{ . }}
app.kubernetes.io/part-of: trellis
{{- end -}}

{{- define "trellis.gatewaySecret" -}}
{{- .Values.gateway.existingSecret | default "trellis-gateway" -}}
{{- end -}}

{{- /* A process reads its addresses at its start: another address or password starts it anew. */ -}}
{{- define "trellis.gatewayAnnotations" -}}
{{- $redis := .Values.redis -}}
trellis.dev/redis-addresses: {{ include "trellis.trace" (dict "root" . "of" (printf "%s %s %s" $redis.password $redis.url $redis.cacheUrl)) }}
{{- end -}}

{{- /* Settings that follow from a value, and from which. */ -}}
{{- define "trellis.gatewayManaged" -}}
TRELLIS_ROUTING_TABLE_FILE: gateway.routes
TRELLIS_ROUTING_TABLE_URL: gateway.controllerUrl
TRELLIS_CONTROLLER_URL: gateway.controllerUrl
TRELLIS_PROMETHEUS_URL: gateway.prometheusUrl
TRELLIS_PROMETHEUS_NAMESPACE: the chart itself
TRELLIS_DEFAULT_MODEL: gateway.defaultModel
TRELLIS_AUTH: gateway.auth
TRELLIS_TRUSTED_PROXIES: gateway.trustedProxies
TRELLIS_DRAIN_DELAY: gateway.drainDelaySeconds
TRELLIS_GRACE_PERIOD: gateway.graceSeconds and worker.graceSeconds
TRELLIS_HTTP_PORT: the chart itself
TRELLIS_GRPC_PORT: the chart itself
TRELLIS_METRICS_PORT: the chart itself
TRELLIS_WORKER_PORT: the chart itself
TRELLIS_REDIS_URL: redis.url
TRELLIS_CACHE_REDIS_URL: redis.cacheUrl
TRELLIS_REDIS_PREFIX: the chart itself
TRELLIS_COOKIE_SECRET: gateway.existingSecret
TRELLIS_ADMIN_KEY: gateway.existingSecret
TRELLIS_CALLBACK_SECRET: gateway.existingSecret
TRELLIS_CONTROLLER_TOKEN: gateway.existingSecret
{{- end -}}

{{- /* The pod's spec of a process of the gateway's image; takes root, component (gateway or worker),
module, settings (own ones by name), ports, health (a port's name), live (a path that answers while the
process does) and ending (seconds). */ -}}
{{- define "trellis.gatewayPod" -}}
{{- $gateway := .root.Values.gateway -}}
{{- $own := get .root.Values .component -}}
{{- $settings := dict
  "TRELLIS_AUTH" $gateway.auth
  "TRELLIS_ROUTING_TABLE_FILE" "/etc/trellis/routing-table.json" -}}
{{- with include "trellis.controllerUrl" .root }}
{{- $_ := set $settings "TRELLIS_CONTROLLER_URL" . }}
{{- $_ := set $settings "TRELLIS_ROUTING_TABLE_URL" (printf "%s/routing-table" .) }}
{{- end }}
{{- with $gateway.defaultModel }}{{ $_ := set $settings "TRELLIS_DEFAULT_MODEL" . }}{{ end -}}
{{- $settings = merge (dict) .settings $settings $gateway.env -}}
automountServiceAccountToken: false
{{- /* Else each Service of the namespace comes as environment, TRELLIS_... of another meaning too. */}}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .ending }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "trellis.gatewaySelector" $.component | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
containers:
  - name: {{ .component }}
    image: {{ include "trellis.image" (dict "root" .root "repository" "trellis/gateway") }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [python, -m, {{ .module }}]
    env:
      {{- range $name, $value := $settings }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
      {{- range list "TRELLIS_REDIS_URL" "TRELLIS_CACHE_REDIS_URL" }}
      - name: {{ . }}
        valueFrom:
          secretKeyRef:
            name: trellis-redis
            key: {{ . }}
      {{- end }}
    envFrom: # each key is the name of a setting
      - secretRef:
          name: {{ include "trellis.gatewaySecret" .root }}
    ports:
      {{- range $name, $port := .ports }}
      - name: {{ $name }}
        containerPort: {{ $port }}
      {{- end }}
    startupProbe:
      httpGet: &live
        path: {{ .live }}
        port: {{ .health }}
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 60
    readinessProbe: # gone within three seconds of SIGTERM, while the pod still takes requests
      httpGet:
        path: /health
        port: {{ .health }}
      periodSeconds: 1
      timeoutSeconds: 1
      failureThreshold: 2
    livenessProbe:
      httpGet: *live
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    resources:
      {{- toYaml $own.resources | nindent 6 }}
    securityContext:
      {{- include "trellis.securityContext" .root | nindent 6 }}
    volumeMounts:
      - name: routing-table
        mountPath: /etc/trellis
        readOnly: true
      - name: tmp
        mountPath: /tmp
volumes:
  - name: routing-table
    configMap:
      name: {{ .root.Values.controller.enabled | ternary "trellis-controller-table" "trellis-routing-table" }}
  - name: tmp # parts of an upload that are too large for memory
    emptyDir:
      sizeLimit: 1Gi
{{- end -}}
