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
{{- include "trellis.checkRoutes" . -}}
{{- include "trellis.checkGateway" . -}}
{{- include "trellis.checkController" . -}}
{{- end -}}

{{- define "trellis.checkRoutes" -}}
{{- $models := dict -}}
{{- range $route := .Values.gateway.routes -}}
{{- if hasKey $models .model -}}
{{- fail (printf "gateway.routes: %q is there twice; a model has one entry, with all of its arms." .model) -}}
{{- end -}}
{{- $_ := set $models .model true -}}
{{- $total := 0 -}}
{{- $places := dict -}}
{{- range .arms -}}
{{- $weight := include "trellis.weight" . | int64 -}}
{{- if lt $weight 0 -}}
{{- fail (printf "gateway.routes: %s, version %s: weight is %d; it is 0 or more." $route.model .version $weight) -}}
{{- end -}}
{{- $total = add $total $weight -}}
{{- $place := printf "%s, tag %q" (.service | default $route.model) (.tag | default "") -}}
{{- if hasKey $places $place -}}
{{- fail (printf "gateway.routes: %s: two arms lead to service %s; give each version a service or a tag of its own." $route.model $place) -}}
{{- end -}}
{{- $_ := set $places $place true -}}
{{- end -}}
{{- if or (eq (int64 $total) 0) (gt (int64 $total) 1000000) -}}
{{- fail (printf "gateway.routes: %s: the weights of its arms sum to %d; the sum is 1 to 1000000." $route.model $total) -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway.defaultModel -}}
{{- if not (or (hasKey $models .) (include "trellis.controllerUrl" $)) -}}
{{- fail (printf "gateway.defaultModel is %q, which gateway.routes does not have." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "trellis.checkGateway" -}}
{{- $gateway := .Values.gateway -}}
{{- $ingress := $gateway.ingress -}}
{{- if and (ne $ingress.kind "none") (not $ingress.hosts) -}}
{{- fail (printf "gateway.ingress.kind is %s and gateway.ingress.hosts is empty: name the hosts of the gateway." $ingress.kind) -}}
{{- end -}}
{{- if and (eq $ingress.kind "none") (or $ingress.hosts $ingress.grpcHosts $ingress.tlsSecret) -}}
{{- fail "gateway.ingress.kind is none and hosts or tlsSecret are set, which nothing reads: set gateway.ingress.kind to kourier or kubernetes." -}}
{{- end -}}
{{- if and (ne $ingress.kind "kourier") (or $ingress.redirect $ingress.grpcHosts) -}}
{{- fail (printf "gateway.ingress.redirect and gateway.ingress.grpcHosts are for Kourier, and gateway.ingress.kind is %s: use your controller's annotations." $ingress.kind) -}}
{{- end -}}
{{- if and (ne $ingress.kind "kubernetes") (or $ingress.className $ingress.annotations) -}}
{{- fail (printf "gateway.ingress.className and gateway.ingress.annotations are of an Ingress, and gateway.ingress.kind is %s: set gateway.ingress.kind: kubernetes." $ingress.kind) -}}
{{- end -}}
{{- with $gateway.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "gateway.autoscaling.minReplicas is %d and gateway.autoscaling.maxReplicas is %d." (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.worker.keda -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "worker.keda.minReplicas is %d and worker.keda.maxReplicas is %d." (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if and .enabled (contains "%" (get (include "trellis.redisLogin" $ | fromJson) "password")) -}}
{{- fail "worker.keda.enabled is true and the password in redis.url is percent-encoded, which KEDA would take as it stands: choose one of letters and digits." -}}
{{- end -}}
{{- end -}}
{{- $managed := include "trellis.gatewayManaged" . | fromYaml -}}
{{- range $name, $_ := $gateway.env -}}
{{- if hasKey $managed $name -}}
{{- fail (printf "gateway.env: %s is set by %s." $name (get $managed $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "trellis.checkController" -}}
{{- $controller := .Values.controller -}}
{{- if and $controller.enabled .Values.gateway.controllerUrl -}}
{{- fail "controller.enabled is true and gateway.controllerUrl is set: the gateway has one controller. Remove the address, or set controller.enabled: false." -}}
{{- end -}}
{{- if and $controller.enabled .Values.gateway.routes -}}
{{- fail "controller.enabled is true and gateway.routes is set: the controller makes the routing table, of the InferenceServices and Experiments that are there. Remove the routes, or set controller.enabled: false." -}}
{{- end -}}
{{- if and $controller.enabled (eq $controller.metricsSource "prometheus") (not (include "trellis.controllerPrometheus" .)) -}}
{{- fail "controller.metricsSource is prometheus, and neither controller.prometheusUrl nor gateway.prometheusUrl says where that is." -}}
{{- end -}}
{{- if and $controller.prometheusUrl (ne $controller.metricsSource "prometheus") -}}
{{- fail "controller.prometheusUrl is set and controller.metricsSource is scrape, which reads the pods: set controller.metricsSource: prometheus, or remove the address." -}}
{{- end -}}
{{- if and $controller.webhook.namespaceSelector (ne $controller.scope "cluster") -}}
{{- fail "controller.webhook.namespaceSelector is set and controller.scope is namespace: the webhook is then asked for that one only. Set controller.scope: cluster, or remove the selector." -}}
{{- end -}}
{{- $managed := include "trellis.controllerManaged" . | fromYaml -}}
{{- range $name, $_ := $controller.env -}}
{{- if hasKey $managed $name -}}
{{- fail (printf "controller.env: %s is set by %s." $name (get $managed $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
