{{/* The chart's name, as the selector of the deployment has it. */}}
{{- define "secrets-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What the names of all objects begin with, not cut. */}}
{{- define "secrets-operator.base" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $base := printf "%s-%s" .Release.Name $name }}
{{- if contains $name .Release.Name }}
{{- $base = .Release.Name }}
{{- end }}
{{- /* A release may have dots in its name, a Service may not. */}}
{{- default $base .Values.fullnameOverride | replace "." "-" | trimSuffix "-" }}
{{- end }}

{{/* A name of at most 63 characters: list of the context, and what the name ends with. What is cut is told apart by a digest. */}}
{{- define "secrets-operator.named" -}}
{{- $suffix := index . 1 }}
{{- $name := include "secrets-operator.base" (index . 0) }}
{{- $room := sub 63 (len $suffix) | int }}
{{- if gt (len $name) $room }}
{{- printf "%s-%s%s" ($name | trunc (sub $room 9 | int) | trimSuffix "-") (sha256sum $name | trunc 8) $suffix }}
{{- else }}
{{- print $name $suffix }}
{{- end }}
{{- end }}

{{/*
A name outside of the release's namespace, shared with other releases: list of the context, and what the name ends with. Only roles
and their bindings are there; their names may be long and hold a colon, which no namespace and no release has.
*/}}
{{- define "secrets-operator.shared" -}}
{{- $root := index . 0 }}
{{- printf "%s:%s%s" $root.Release.Namespace (include "secrets-operator.base" $root) (index . 1) }}
{{- end }}

{{- define "secrets-operator.serviceAccountName" -}}
{{- $account := .Values.controllerManager.serviceAccount }}
{{- if $account.name }}
{{- $account.name }}
{{- else if $account.create }}
{{- include "secrets-operator.named" (list . "-controller-manager") }}
{{- else }}
{{- fail "controllerManager.serviceAccount.create is false, so controllerManager.serviceAccount.name must say which service account the operator uses" }}
{{- end }}
{{- end }}

{{/* Never to be changed: the selector of a deployment is immutable, and Infisical's chart has the same. */}}
{{- define "secrets-operator.selectorLabels" -}}
control-plane: controller-manager
app.kubernetes.io/name: {{ include "secrets-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of what stays when the release goes. */}}
{{- define "secrets-operator.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "secrets-operator.labels" -}}
{{ include "secrets-operator.selectorLabels" . }}
{{ include "secrets-operator.chartLabels" . }}
{{- end }}

{{/* metadata without a name: labels, and the annotations that all objects have. */}}
{{- define "secrets-operator.metadata" -}}
labels:
  {{- include "secrets-operator.labels" . | nindent 2 }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "secrets-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "secrets-operator.serviceAccountName" . | quote }}
    namespace: {{ .Release.Namespace | quote }}
{{- end }}
