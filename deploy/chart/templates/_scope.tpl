{{/*
What is watched and what is granted, as JSON: `namespaces` (empty for all), `roles` (true: a Role in each of them and nothing in
the whole cluster), `deprecated` (they come from scopedNamespace), `config` (the namespace of infisical-config).
*/}}
{{- define "secrets-operator.scope" -}}
{{- $given := .Values.scopedNamespaces }}
{{- $deprecated := and (not $given) .Values.scopedNamespace }}
{{- if $deprecated }}
{{- $given = .Values.scopedNamespace }}
{{- end }}
{{- $names := list }}
{{- if $given }}
{{- range (kindIs "slice" $given | ternary $given (splitList "," (toString $given))) }}
{{- $name := trim (toString .) }}
{{- if $name }}
{{- if not (and (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $name) (le (len $name) 63)) }}
{{- fail (printf "scopedNamespaces: %q is not the name of a namespace" $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- end }}
{{- $names = uniq $names }}
{{- if and .Values.scopedRBAC (not $names) }}
{{- fail "scopedRBAC is true, but scopedNamespaces names no namespace: name those that the operator is to work in, or set scopedRBAC to false to let it work in all" }}
{{- end }}
{{- $roles := not (empty (and $names .Values.scopedRBAC)) }}
{{- $config := default (ternary .Release.Namespace "infisical-operator-system" $roles) (.Values.operator).configNamespace }}
{{- dict "namespaces" $names "roles" $roles "deprecated" (not (empty $deprecated)) "config" $config | toJson }}
{{- end }}
