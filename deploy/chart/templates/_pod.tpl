{{/*
Security of the pods, as JSON. A volume of the user's for the cache belongs to root until a group of the pod's is set; what is in it
already is left alone, since a key that others may read is not taken. OpenShift gives a group itself, and refuses any other.
*/}}
{{- define "secrets-operator.podSecurityContext" -}}
{{- $context := .Values.controllerManager.podSecurityContext | default dict }}
{{- if and (.Values.cache).volume (not (hasKey $context "fsGroup")) (not (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
{{- $context = merge (dict "fsGroup" 65532) $context }}
{{- end }}
{{- if and (hasKey $context "fsGroup") (not (hasKey $context "fsGroupChangePolicy")) }}
{{- $context = merge (dict "fsGroupChangePolicy" "OnRootMismatch") $context }}
{{- end }}
{{- $context | toJson }}
{{- end }}
