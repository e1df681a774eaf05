{{- /* Values that contradict each other: one sentence says which, and what to do. */ -}}
{{- define "trellis.check" -}}
{{- $redis := .Values.redis -}}
{{- if and $redis.bring (or $redis.url $redis.cacheUrl) -}}
{{- fail "redis.bring is true and redis.url or redis.cacheUrl is set: the chart brings its own Redis or points to yours. Set redis.bring: false, or remove the addresses." -}}
{{- end -}}
{{- if and (not $redis.bring) (or (not $redis.url) (not $redis.cacheUrl)) -}}
{{- fail "redis.bring is false: set redis.url and redis.cacheUrl, the addresses of a durable Redis and of one that may forget." -}}
{{- end -}}
{{- if and (not $redis.bring) $redis.password -}}
{{- fail "redis.password is set and redis.bring is false: a password of your own Redis goes into redis.url and redis.cacheUrl." -}}
{{- end -}}
{{- if and (not $redis.bring) (eq $redis.url $redis.cacheUrl) -}}
{{- fail "redis.url and redis.cacheUrl are the same: the durable one must never evict and the cache has to. Give each its own server." -}}
{{- end -}}
{{- range .Values.runtimes.install -}}
{{- if not ($.Files.Get (printf "files/runtimes/%s.yaml" .)) -}}
{{- fail (printf "runtimes.install: %q is no runtime of this chart; there are trellis, trellis-gpu, trellis-grpc, trellis-keras and trellis-sklearn." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
