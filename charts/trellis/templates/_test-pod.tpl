{{- /* The spec of a pod of `helm test` that runs a script; takes root, script (a file), arguments and
environment (env or envFrom of its container). */ -}}
{{- define "trellis.testPod" -}}
{{- $image := include "trellis.image" (dict "root" .root "repository" "trellis/predictor") -}}
restartPolicy: Never
automountServiceAccountToken: false
containers:
  - name: ask
    image: {{ .root.Values.test.image | default $image }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [python, -c]
    args:
      - |
        {{- .root.Files.Get .script | nindent 8 }}
      {{- range .arguments }}
      - {{ . | quote }}
      {{- end }}
    {{- toYaml .environment | nindent 4 }}
    resources:
      requests:
        cpu: 10m
        memory: 32Mi
      limits:
        cpu: 500m
        memory: 128Mi
    securityContext:
      {{- include "trellis.securityContext" .root | nindent 6 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
