{{- /* Labels by which a Redis is selected; takes its role: durable or cache. */ -}}
{{- define "trellis.redisSelector" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/component: redis
trellis.dev/redis: {{ . }}
{{- end -}}

{{- /* What changes with a secret and does not give it away: whoever may see pods, and no Secrets, would
have to try each guess through scrypt (the function's own, of 32 MiB and a tenth of a second) for this
namespace alone. Takes root and of (a text). */ -}}
{{- define "trellis.trace" -}}
{{- derivePassword 1 "long" .of "trellis" .root.Release.Namespace | sha256sum | trunc 16 | quote -}}
{{- end -}}

{{- /* A new password starts the pods anew. */ -}}
{{- define "trellis.redisAnnotations" -}}
{{- with .Values.redis.password }}
annotations:
  trellis.dev/password: {{ include "trellis.trace" (dict "root" $ "of" .) }}
{{- end }}
{{- end -}}

{{- /* The pod's spec but for volumes; takes root, arguments, memory (a limit in MiB) and data (the MiB
that are reserved). */ -}}
{{- define "trellis.redisPod" -}}
{{- $password := .root.Values.redis.password -}}
{{- /* Without a password Redis hears its own pod only, unless told to hear all. */ -}}
{{- $access := empty $password | ternary (list "--protected-mode" "no") (list "--requirepass" "$(REDISCLI_AUTH)") -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  fsGroup: 65532
containers:
  - name: redis
    image: {{ .root.Values.redis.image }}
    imagePullPolicy: IfNotPresent
    command: [redis-server]
    args:
      {{- toYaml (concat .arguments $access) | nindent 6 }}
    {{- if $password }}
    env:
      - name: REDISCLI_AUTH # redis-cli takes it too
        valueFrom:
          secretKeyRef:
            name: trellis-redis
            key: password
    {{- end }}
    ports:
      - name: redis
        containerPort: 6379
    startupProbe: # reads its log of writes first
      exec: &ping
        command: [sh, -c, 'test "$(redis-cli ping)" = PONG']
      periodSeconds: 1
      timeoutSeconds: 2
      failureThreshold: 300
    readinessProbe:
      exec: *ping
      periodSeconds: 5
      timeoutSeconds: 2
    livenessProbe:
      exec: *ping
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    resources:
      requests:
        cpu: 10m
        memory: {{ .data }}Mi
      limits:
        cpu: "1"
        memory: {{ .memory }}Mi
    securityContext:
      {{- include "trellis.securityContext" .root | nindent 6 }}
    volumeMounts:
      - name: data
        mountPath: /data
{{- end -}}

{{- /* Address of the durable Redis, parsed. */ -}}
{{- define "trellis.redisUrl" -}}
{{- $own := printf "redis://trellis-redis.%s.svc.cluster.local:6379/0" .Release.Namespace -}}
{{- .Values.redis.bring | ternary $own .Values.redis.url | urlParse | toJson -}}
{{- end -}}

{{- /* User and password of the durable Redis, for who takes them apart from the address: KEDA. */ -}}
{{- define "trellis.redisLogin" -}}
{{- $user := get (include "trellis.redisUrl" . | fromJson) "userinfo" -}}
{{- $password := .Values.redis.bring | ternary .Values.redis.password (splitn ":" 2 $user)._1 -}}
{{- dict "username" (splitn ":" 2 $user)._0 "password" ($password | default "") | toJson -}}
{{- end -}}
