{{/* Arguments that follow from values, a JSON list. */}}
{{- define "secrets-operator.args" -}}
{{- $scope := include "secrets-operator.scope" . | fromJson }}
{{- /* Groups that older releases lack may be missing after `helm upgrade --reuse-values`. */}}
{{- $operator := .Values.operator | default dict }}
{{- $args := list }}
{{- with $scope.namespaces }}
{{- $args = append $args (printf "--namespaces=%s" (join "," .)) }}
{{- end }}
{{- if $scope.deprecated }}
{{- $args = append $args "--deprecated-scoped-namespace-warning" }}
{{- end }}
{{- range $operator.trustedHosts }}
{{- $args = append $args (printf "--trusted-host=%s" .) }}
{{- end }}
{{- if not (kindIs "invalid" $operator.ambientNamespaces) }}
{{- $args = append $args (printf "--ambient-namespaces=%s" (join "," $operator.ambientNamespaces)) }}
{{- end }}
{{- range $plugin, $namespaces := $operator.pluginNamespaces }}
{{- if and (kindIs "slice" $namespaces) (empty $namespaces) }}
{{- $args = append $args (printf "--plugin-namespace=%s=" $plugin) }}
{{- end }}
{{- range $namespaces }}
{{- $args = append $args (printf "--plugin-namespace=%s=%s" $plugin .) }}
{{- end }}
{{- end }}
{{- range $plugin, $grants := $operator.withholdGrants }}
{{- range $grants }}
{{- $args = append $args (printf "--withhold-grant=%s=%s" $plugin .) }}
{{- end }}
{{- end }}
{{- with $operator.mounts }}
{{- /* The flag takes the place of its default, which is the mount that the login `kubernetes` reads. */}}
{{- range $name, $folder := merge (dict) . (dict "service-account" "/var/run/secrets/kubernetes.io/serviceaccount") }}
{{- $args = append $args (printf "--mount=%s=%s" $name $folder) }}
{{- end }}
{{- end }}
{{- if $operator.envCredentials }}
{{- $args = append $args "--env-credentials" }}
{{- end }}
{{- if $operator.pluginPrivateEgress }}
{{- $args = append $args "--plugin-private-egress" }}
{{- end }}
{{- range $operator.tokenRequestSystemAccounts }}
{{- $args = append $args (printf "--token-request-system-account=%s" .) }}
{{- end }}
{{- with $operator.organizationSlug }}
{{- $args = append $args (printf "--organization-slug=%s" .) }}
{{- end }}
{{- with (.Values.logger).level }}
{{- $args = append $args (printf "--log-level=%s" .) }}
{{- end }}
{{- with (.Values.logger).format }}
{{- $args = append $args (printf "--log-format=%s" .) }}
{{- end }}
{{- $args | toJson }}
{{- end }}

{{/* Variables of the container, a JSON list: the chart's, but for those that the user sets, then the user's. */}}
{{- define "secrets-operator.env" -}}
{{- $scope := include "secrets-operator.scope" . | fromJson }}
{{- /* What is always set is a variable, so that an argument of the user's may say otherwise: of a flag that is given twice the last counts. */}}
{{- $own := list
  (dict "name" "POD_NAMESPACE" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.namespace")))
  (dict "name" "INFISICAL_HOST_API" "value" (.Values.hostAPI | default "https://app.infisical.com/api"))
  (dict "name" "INFISICAL_LOG_WRITER" "value" ((.Values.logger).writer | default "stderr"))
  (dict "name" "INFISICAL_OPERATOR_CONFIG_NAMESPACE" "value" $scope.config)
  (dict "name" "INFISICAL_OPERATOR_CACHE_DIR" "value" "/var/cache/infisical-operator")
  (dict "name" "KUBERNETES_CLUSTER_DOMAIN" "value" (.Values.kubernetesClusterDomain | default "cluster.local")) }}
{{- $extra := .Values.controllerManager.manager.extraEnv | default list }}
{{- $taken := dict }}
{{- range $extra }}
{{- $_ := set $taken .name true }}
{{- end }}
{{- $env := list }}
{{- range $own }}
{{- if not (hasKey $taken .name) }}
{{- $env = append $env . }}
{{- end }}
{{- end }}
{{- concat $env $extra | toJson }}
{{- end }}
