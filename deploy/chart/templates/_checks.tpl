{{/* Refuses values of Infisical's chart that would do harm here, or nothing where they did something. */}}
{{- define "secrets-operator.checks" -}}
{{- $image := .Values.controllerManager.manager.image }}
{{- if regexMatch "(^|/)infisical/kubernetes-operator$" $image.repository }}
{{- fail (printf "controllerManager.manager.image.repository is %s, the image of Infisical's own operator: name the image of this one" $image.repository) }}
{{- end }}
{{- if (.Values.defaultInfisicalConnection).enabled }}
{{- fail "defaultInfisicalConnection is not supported: resources without infisicalConnectionRef use hostAPI and the ConfigMap infisical-config; write the InfisicalConnection yourself, or set defaultInfisicalConnection.enabled to false" }}
{{- end }}
{{- if .Values.configureBasicKubernetesAuth }}
{{- fail "configureBasicKubernetesAuth is not supported: this chart makes no service account for Infisical's token review; make one yourself (docs/logins/kubernetes.md), then set configureBasicKubernetesAuth to false" }}
{{- end }}
{{- end }}
