{{- /* The routing table of gateway.routes, as trellis.contracts has it, in JSON. An arm's interval goes
from the weights before it to its own, in steps of 1e-12: neighbours meet exactly, and the last ends at 1. */ -}}
{{- define "trellis.routingTable" -}}
{{- $models := dict -}}
{{- range $route := .Values.gateway.routes -}}
{{- $total := 0 -}}
{{- range $route.arms }}{{ $total = add $total (include "trellis.weight" . | int64) }}{{ end -}}
{{- $before := 0 -}}
{{- $arms := list -}}
{{- range $index, $arm := $route.arms -}}
{{- $after := add $before (include "trellis.weight" $arm | int64) -}}
{{- $service := $arm.service | default $route.model -}}
{{- $label := printf "%s%s-predictor" (empty $arm.tag | ternary "" (printf "%s-" $arm.tag)) $service -}}
{{- $host := printf "%s.%s.svc.cluster.local" $label $.Release.Namespace -}}
{{- $entry := dict
  "url" (printf "http://%s" $host) "model" $service "version" $arm.version
  "revision" $label "role" ($arm.role | default (eq $index 0 | ternary "stable" "arm"))
  "intervals" (gt $after $before | ternary (list (list
    (include "trellis.edge" (list $before $total) | float64)
    (include "trellis.edge" (list $after $total) | float64))) list) -}}
{{- with $arm.fingerprint }}{{ $_ := set $entry "fingerprint" . }}{{ end -}}
{{- if $arm.grpc }}{{ $_ := set $entry "grpcAddress" (printf "%s:80" $host) }}{{ end -}}
{{- $arms = append $arms $entry -}}
{{- $before = $after -}}
{{- end -}}
{{- $model := dict "salt" ($route.salt | default $route.model) "arms" $arms -}}
{{- range $key := list "strategy" "experiment" "attributionWindow" "cacheSeconds" "override" -}}
{{- if hasKey $route $key }}{{ $_ := set $model $key (get $route $key) }}{{ end -}}
{{- end -}}
{{- if $route.experiment }}{{ $_ := set $model "record" true }}{{ end -}}
{{- $_ := set $models $route.model $model -}}
{{- end -}}
{{- $table := dict
  "apiVersion" "trellis.dev/v1alpha1" "kind" "RoutingTable" "version" .Release.Revision "models" $models -}}
{{- toPrettyJson $table -}}
{{- end -}}

{{- /* An arm's weight, a whole number. */ -}}
{{- define "trellis.weight" -}}
{{- hasKey . "weight" | ternary .weight 1 | int64 -}}
{{- end -}}

{{- /* What part of the whole lies before, rounded down to a step; takes both, whole numbers. */ -}}
{{- define "trellis.edge" -}}
{{- $steps := div (mul (first .) 1000000000000) (last .) -}}
{{- eq $steps 1000000000000 | ternary "1" (printf "0.%012d" $steps) -}}
{{- end -}}
