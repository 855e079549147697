{{/*
What the operator does, in all namespaces (a context with `cluster` true) or in one. Nothing else is asked for: a test reads what is
used from the API server's audit log.
*/}}
{{- define "secrets-operator.rules" -}}
# What lies outside of the watched namespaces, or before the first list is complete, is read by itself.
- apiGroups: [secrets.infisical.com]
  resources:
    - infisicalauths
    - infisicalconnections
    - infisicaldynamicsecrets
    - infisicalpushsecrets
    - infisicalsecrets
    - infisicalstaticsecrets
    - passwords
    - uuids
    {{- if .cluster }}
    - clustergenerators
    {{- end }}
  verbs: [get, list, watch]
- apiGroups: [secrets.infisical.com]
  resources:
    - infisicalauths/status
    - infisicalconnections/status
    - infisicaldynamicsecrets/status
    - infisicalpushsecrets/status
    - infisicalsecrets/status
    - infisicalstaticsecrets/status
    - passwords/status
    - uuids/status
    {{- if .cluster }}
    - clustergenerators/status
    {{- end }}
  verbs: [patch]
# Finalizers, where there is something to give back: at the server, or targets in other namespaces. And to take away what older
# versions of Infisical's operator put there.
- apiGroups: [secrets.infisical.com]
  resources: [infisicaldynamicsecrets, infisicalpushsecrets, infisicalsecrets, infisicalstaticsecrets]
  verbs: [patch]
# Asked for by the admission plugin OwnerReferencesPermissionEnforcement, as on OpenShift, where a resource owns its targets.
- apiGroups: [secrets.infisical.com]
  resources:
    - infisicaldynamicsecrets/finalizers
    - infisicalsecrets/finalizers
    - infisicalstaticsecrets/finalizers
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, secrets]
  verbs: [get, list, watch, create, update, delete]
# Tokens of the service accounts that resources name.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
# Restarts of the workloads that ask for it.
- apiGroups: [apps]
  resources: [daemonsets, deployments, statefulsets]
  verbs: [get, list, watch, patch]
- apiGroups: [argoproj.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
{{- if .cluster }}
# Targets in every namespace that a selector matches.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
