{{- /* Whole seconds of a duration as 1h2m3s; 0 for an empty one. */ -}}
{{- define "model.seconds" -}}
{{- $hours := regexFind "[0-9]+h" . | trimSuffix "h" | float64 -}}
{{- $minutes := regexFind "[0-9]+m" . | trimSuffix "m" | float64 -}}
{{- $seconds := regexFind "[0-9]+s" . | trimSuffix "s" | float64 -}}
{{- addf (mulf 3600 $hours) (mulf 60 $minutes) $seconds | int -}}
{{- end -}}

{{- /* A quantity, as 500m or 1Gi, as a number. */ -}}
{{- define "model.amount" -}}
{{- if kindIs "string" . -}}
{{- $units := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0
  "Ei" 1152921504606846976.0 -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $units (regexFind "[A-Za-z]*$" .)) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}
