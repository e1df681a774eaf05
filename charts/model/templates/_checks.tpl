{{- /* Values that contradict each other: one sentence says which, and what to do. What a single value
may be is the schema's part. */ -}}
{{- define "model.check" -}}
{{- $name := include "model.name" . -}}
{{- $most := int (include "model.longestName" .) -}}
{{- if gt (len $name) $most -}}
{{- fail (printf "name: %q has %d characters, and %s must be a host name of at most 63: choose one of at most %d." $name (len $name) (include "model.longestHost" (dict "root" . "name" $name)) $most) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "name: the release's name %q cannot name an InferenceService (lower-case letters, digits and -, a letter first): set name." $name) -}}
{{- end -}}
{{- include "model.checkTraffic" . -}}
{{- include "model.checkScaling" . -}}
{{- include "model.checkTimes" . -}}
{{- include "model.checkBudget" . -}}
{{- include "model.checkResources" . -}}
{{- include "model.checkContainer" . -}}
{{- include "model.checkArms" . -}}
{{- $own := merge (include "model.ownLabels" $name | fromYaml) (include "model.armLabels" . | fromYaml) -}}
{{- range $key := append (keys $own | sortAlpha) "serving.kserve.io/inferenceservice" -}}
{{- if hasKey $.Values.labels $key -}}
{{- fail (printf "labels: %q is the chart's own or KServe's, by which objects are found. Choose another key." $key) -}}
{{- end -}}
{{- end -}}
{{- range $key, $from := include "model.managedAnnotations" . | fromYaml -}}
{{- if hasKey $.Values.annotations $key -}}
{{- fail (printf "annotations: %q follows from %s. Set that." $key $from) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model.checkTraffic" -}}
{{- if not (kindIs "invalid" .Values.canaryTrafficPercent) -}}
{{- if eq .Values.mode "Standard" -}}
{{- fail "canaryTrafficPercent is set and mode is Standard: KServe ignores it there without a word, and all traffic goes to the new version. Set mode: Knative, or leave canaryTrafficPercent out." -}}
{{- end -}}
{{- if .Values.rollout.enabled -}}
{{- fail (printf "canaryTrafficPercent is %d and rollout.enabled is true: two would move the same weight. Leave canaryTrafficPercent out (null), or set rollout.enabled: false." (int .Values.canaryTrafficPercent)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rollout.enabled (eq .Values.mode "Standard") -}}
{{- fail "rollout.enabled is true and mode is Standard, in which this chart's InferenceService has no weight to move. Set mode: Knative, or rollout.enabled: false." -}}
{{- end -}}
{{- if and .Values.rollout.enabled .Values.experiment.enabled -}}
{{- fail (printf "rollout.enabled and experiment.enabled are true: the rollout would replace version %s, the experiment's first arm. Set one of them." .Values.version) -}}
{{- end -}}
{{- if and .Values.experiment.enabled (not .Values.arms) -}}
{{- fail "experiment.enabled is true and arms is empty: there is nothing to compare the version with." -}}
{{- end -}}
{{- if .Values.experiment.enabled -}}
{{- $versions := dict .Values.version true -}}
{{- range .Values.arms -}}
{{- if hasKey $versions .version -}}
{{- fail (printf "arms: version %s is there twice, and experiment.enabled is true: an experiment compares different ones." .version) -}}
{{- end -}}
{{- $_ := set $versions .version true -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rollout.enabled (eq .Values.rollout.split "unit") (not .Values.tagRouting) -}}
{{- fail "rollout.split is unit and tagRouting is false: gateways would have no host of each version to keep users with. Set tagRouting: true, or rollout.split: request." -}}
{{- end -}}
{{- if .Values.rollout.enabled -}}
{{- $before := 0 -}}
{{- range .Values.rollout.steps -}}
{{- if or (le (int .weight) $before) (gt (int .weight) 99) -}}
{{- fail (printf "rollout.steps: weight %d comes after %d; weights rise, from 1 to 99." (int .weight) $before) -}}
{{- end -}}
{{- $before = int .weight -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model.checkScaling" -}}
{{- $scaling := .Values.scaling -}}
{{- $autoscaler := include "model.autoscaler" . -}}
{{- $minimum := int $scaling.minReplicas -}}
{{- if gt $minimum (int $scaling.maxReplicas) -}}
{{- fail (printf "scaling.minReplicas is %d and scaling.maxReplicas is %d: the fewest replicas are more than the most." $minimum (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- if eq .Values.mode "Knative" -}}
{{- if ne $autoscaler "knative" -}}
{{- fail (printf "scaling.autoscaler is %s and mode is Knative: Knative scales there, and two autoscalers would work against each other. Leave scaling.autoscaler out, or set mode: Standard." $autoscaler) -}}
{{- end -}}
{{- if has $scaling.metric (list "cpu" "memory") -}}
{{- fail (printf "scaling.metric is %s and mode is Knative: there it is concurrency or rps." $scaling.metric) -}}
{{- end -}}
{{- $atOnce := int $scaling.containerConcurrency -}}
{{- if and $atOnce (ne (default "concurrency" $scaling.metric) "rps") (gt (int $scaling.target) $atOnce) -}}
{{- fail (printf "scaling.target is %d and scaling.containerConcurrency is %d: a replica never has so many requests at once, so none would be added." (int $scaling.target) $atOnce) -}}
{{- end -}}
{{- else -}}
{{- if eq $autoscaler "knative" -}}
{{- fail "scaling.autoscaler is knative and mode is Standard: Knative does not scale there. Choose hpa, keda, external or none, or set mode: Knative." -}}
{{- end -}}
{{- if and (eq $minimum 0) (ne $autoscaler "keda") -}}
{{- fail "scaling.minReplicas is 0 and mode is Standard: nothing there holds a request while a replica starts. Set scaling.minReplicas to 1 or more, or mode: Knative." -}}
{{- end -}}
{{- if has $scaling.metric (list "concurrency" "rps") -}}
{{- fail (printf "scaling.metric is %s and mode is Standard: there it is cpu or memory." $scaling.metric) -}}
{{- end -}}
{{- if $scaling.containerConcurrency -}}
{{- fail "scaling.containerConcurrency is set and mode is Standard: nothing there holds requests back. Give the predictor --max_inflight_requests in args, or set mode: Knative." -}}
{{- end -}}
{{- range $key, $value := $scaling.knative -}}
{{- if $value -}}
{{- fail (printf "scaling.knative.%s is set and mode is Standard, where nothing reads it." $key) -}}
{{- end -}}
{{- end -}}
{{- if and (ne $autoscaler "hpa") (or $scaling.metric $scaling.target) -}}
{{- fail (printf "scaling.metric or scaling.target is set and scaling.autoscaler is %s, which reads neither." $autoscaler) -}}
{{- end -}}
{{- if and (eq (toString $scaling.metric) "memory") (not $scaling.target) -}}
{{- fail "scaling.metric is memory and scaling.target is not set: KServe knows no default for it, and nothing would scale." -}}
{{- end -}}
{{- if and (eq $autoscaler "hpa") (gt (int $scaling.target) 100) -}}
{{- fail (printf "scaling.target is %d and is percent of the requested resource here: 1 to 100." (int $scaling.target)) -}}
{{- end -}}
{{- end -}}
{{- if and $scaling.keda.triggers (ne $autoscaler "keda") -}}
{{- fail (printf "scaling.keda.triggers is set and the autoscaler is %s: two autoscalers would work against each other. Set scaling.autoscaler: keda (mode: Standard), or remove the triggers." $autoscaler) -}}
{{- end -}}
{{- if and (eq $autoscaler "keda") (not $scaling.keda.triggers) -}}
{{- fail "scaling.autoscaler is keda and scaling.keda.triggers is empty: nothing would scale." -}}
{{- end -}}
{{- end -}}

{{- define "model.checkTimes" -}}
{{- $timeout := int .Values.timeoutSeconds -}}
{{- if eq .Values.mode "Knative" -}}
{{- if gt $timeout 600 -}}
{{- fail (printf "timeoutSeconds is %d and mode is Knative, which takes at most 600: max-revision-timeout-seconds of its ConfigMap config-defaults. Set 600 or less." $timeout) -}}
{{- end -}}
{{- $deadline := int (include "model.seconds" .Values.progressDeadline) -}}
{{- $startup := int .Values.probes.startupSeconds -}}
{{- if and $deadline (gt $startup $deadline) -}}
{{- fail (printf "progressDeadline is %s and probes.startupSeconds is %d: the revision would have failed before its start is given up. Set progressDeadline to %ds or more, or leave it out." .Values.progressDeadline $startup $startup) -}}
{{- end -}}
{{- else -}}
{{- if .Values.progressDeadline -}}
{{- fail "progressDeadline is set and mode is Standard: KServe sets ten minutes there, whatever this says." -}}
{{- end -}}
{{- $delay := get .Values.env "TRELLIS_DRAIN_DELAY" | default (toString .Values.drainDelaySeconds) | float64 -}}
{{- $drain := get .Values.env "TRELLIS_GRACE_PERIOD" | default "30" | float64 -}}
{{- $least := addf $delay $drain 5 -}}
{{- if gt $least (float64 $timeout) -}}
{{- fail (printf "timeoutSeconds is %d and mode is Standard: a stopping pod takes requests for %v s (drainDelaySeconds), ends what it accepted within %v s (TRELLIS_GRACE_PERIOD) and stops within 5. Set timeoutSeconds to %v or more, or drainDelaySeconds lower." $timeout $delay $drain (ceil $least)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model.checkBudget" -}}
{{- $budget := .Values.podDisruptionBudget -}}
{{- if and (not (kindIs "invalid" $budget.minAvailable)) (not (kindIs "invalid" $budget.maxUnavailable)) -}}
{{- fail "podDisruptionBudget.minAvailable and .maxUnavailable are both set: Kubernetes takes one of them." -}}
{{- end -}}
{{- $stays := $budget.minAvailable -}}
{{- if and (kindIs "string" $stays) (ge (float64 (trimSuffix "%" (toString $stays))) 100.0) -}}
{{- fail (printf "podDisruptionBudget.minAvailable is %s: no node could ever be drained." $stays) -}}
{{- end -}}
{{- $away := $budget.maxUnavailable -}}
{{- if and (not (kindIs "invalid" $away)) (eq (float64 (trimSuffix "%" (toString $away))) 0.0) -}}
{{- fail (printf "podDisruptionBudget.maxUnavailable is %v: no node could ever be drained." $away) -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $stays)) (not (kindIs "string" $stays)) -}}
{{- if ge (int $stays) (int .Values.scaling.maxReplicas) -}}
{{- fail (printf "podDisruptionBudget.minAvailable is %d and scaling.maxReplicas is %d: no node could ever be drained." (int $stays) (int .Values.scaling.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model.checkResources" -}}
{{- $asked := index (include "model.askedFor" . | fromYaml | default dict) "resources" | default dict -}}
{{- range $name, $request := $asked.requests -}}
{{- $limit := get ($asked.limits | default dict) $name -}}
{{- if and (not (kindIs "invalid" $limit)) (ne (toString $limit) "") -}}
{{- if gt (float64 (include "model.amount" $request)) (float64 (include "model.amount" $limit)) -}}
{{- fail (printf "resources.requests.%s is %v and resources.limits.%s is %v: a pod cannot reserve more than it may use." $name $request $name $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $resource := .Values.gpu.resourceName -}}
{{- if and .Values.gpu.count (hasKey .Values.resources.limits $resource) -}}
{{- fail (printf "gpu.count and resources.limits both ask for %s: remove one." $resource) -}}
{{- end -}}
{{- end -}}

{{- define "model.checkContainer" -}}
{{- if and (eq .Values.runtime "trellis-grpc") (ne .Values.protocol "grpc-v2") -}}
{{- fail "runtime is trellis-grpc and protocol is rest: that runtime answers gRPC only. Set protocol: grpc-v2, or another runtime." -}}
{{- end -}}
{{- if and (eq .Values.protocol "grpc-v2") (has .Values.runtime (list "trellis" "trellis-gpu" "trellis-keras" "trellis-sklearn")) -}}
{{- fail (printf "protocol is grpc-v2 and runtime is %s, whose port speaks REST: set runtime: trellis-grpc." .Values.runtime) -}}
{{- end -}}
{{- if .Values.container.image -}}
{{- if eq .Values.protocol "grpc-v2" -}}
{{- fail "protocol is grpc-v2 and container.image is set: the custom-container form speaks REST here. Set runtime: trellis-grpc and leave container.image out." -}}
{{- end -}}
{{- if .Values.image -}}
{{- fail "image and container.image are both set: image goes with a serving runtime, container.image replaces it. Remove one." -}}
{{- end -}}
{{- if hasKey .Values.env "STORAGE_URI" -}}
{{- fail "env.STORAGE_URI is set, which the chart writes from storageUri: set storageUri." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model.checkArms" -}}
{{- $seen := dict -}}
{{- range .Values.arms -}}
{{- $service := printf "%s-%s" (include "model.name" $) .name -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "arms: %q is there twice; each arm has a name of its own." .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- $most := int (include "model.longestName" $) -}}
{{- if gt (len $service) $most -}}
{{- fail (printf "arms: %q makes the name %s of %d characters, and %s must be a host name of at most 63: at most %d." .name $service (len $service) (include "model.longestHost" (dict "root" $ "name" $service)) $most) -}}
{{- end -}}
{{- if and .runtime $.Values.container.image -}}
{{- fail (printf "arms: %q names a runtime and container.image is set, which replaces it." .name) -}}
{{- end -}}
{{- $minimum := hasKey . "minReplicas" | ternary .minReplicas $.Values.scaling.minReplicas -}}
{{- $maximum := .maxReplicas | default $.Values.scaling.maxReplicas -}}
{{- if gt (int $minimum) (int $maximum) -}}
{{- fail (printf "arms: %q has %d as its fewest replicas and %d as its most." .name (int $minimum) (int $maximum)) -}}
{{- end -}}
{{- if and (eq (int $minimum) 0) (eq $.Values.mode "Standard") -}}
{{- fail (printf "arms: %q has minReplicas 0 and mode is Standard: nothing there holds a request while a replica starts." .name) -}}
{{- end -}}
{{- if eq (include "model.autoscaler" $) "keda" -}}
{{- fail (printf "arms: %q is set and scaling.autoscaler is keda, whose triggers follow the main version's load: install the arm as a release of its own." .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
