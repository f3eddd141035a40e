{{/* Names are cut to 40 characters: those of shards and pods begin with it, and may have 63. */}}
{{- define "jira-sync.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "jira-sync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "jira-sync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "jira-sync.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "jira-sync.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Labels that every object has. */}}
{{- define "jira-sync.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
app.kubernetes.io/name: {{ include "jira-sync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What tells the pods of the release from all others, that of `helm test` too. They never change. */}}
{{- define "jira-sync.selectorLabels" -}}
app.kubernetes.io/name: {{ include "jira-sync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: shard
{{- end -}}

{{/* The labels of a pod besides the selector's. Labels that change with each version would restart all pods with it. */}}
{{- define "jira-sync.podLabels" -}}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "jira-sync.configMaps" -}}
{{- if eq .Values.configs.source "configMap" -}}
{{- list (printf "%s-configs" (include "jira-sync.fullname" .)) | toJson -}}
{{- else -}}
{{- .Values.configs.existingConfigMaps | toJson -}}
{{- end -}}
{{- end -}}

{{/* The files with the group's own secrets: for each, the variable that names it, its Secret, and its key there. */}}
{{- define "jira-sync.groupSecrets" -}}
{{- $files := list -}}
{{- range $file := list
  (list "DATABASE_URL_FILE" "database_url" .Values.database.existingSecret .Values.database.key)
  (list "ADMIN_TOKEN_FILE" "admin_token" .Values.page.existingSecret .Values.page.adminTokenKey)
  (list "VIEW_TOKEN_FILE" "view_token" .Values.page.existingSecret .Values.page.viewTokenKey)
  (list "OPERATORS_FILE" "operators" .Values.page.existingSecret .Values.page.operatorsKey)
  (list "JIRA_API_TOKEN_FILE" "jira_api_token" .Values.jira.existingSecret .Values.jira.apiTokenKey)
  (list "JIRA_CLIENT_SECRET_FILE" "jira_client_secret" .Values.jira.existingSecret .Values.jira.clientSecretKey)
  (list "NOTIFY_URL_FILE" "notify_url" .Values.notifications.existingSecret .Values.notifications.urlKey)
  (list "SMTP_URL_FILE" "smtp_url" .Values.notifications.existingSecret .Values.notifications.smtpUrlKey)
  (list "NOTIFY_FILE" "notify" .Values.notifications.existingSecret .Values.notifications.peopleKey)
-}}
{{- if and (index $file 2) (index $file 3) -}}
{{- $files = append $files (dict "variable" (index $file 0) "path" (index $file 1) "secret" (index $file 2) "key" (index $file 3)) -}}
{{- end -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{- define "jira-sync.groupSecretsPath" -}}/run/group-secrets{{- end -}}

{{/* The names by which the page is asked for. Addresses, and localhost for `kubectl port-forward`, need not be named. */}}
{{- define "jira-sync.allowedHosts" -}}
{{- $name := include "jira-sync.fullname" . -}}
{{- $inside := printf "%s.%s" $name .Release.Namespace -}}
{{- $hosts := list $name $inside (printf "%s.svc" $inside) (printf "%s.svc.cluster.local" $inside) -}}
{{- if .Values.ingress.enabled -}}
{{- range .Values.ingress.hosts -}}
{{- $hosts = append $hosts . -}}
{{- end -}}
{{- end -}}
{{- with .Values.settings.ALLOWED_HOSTS -}}
{{- $hosts = append $hosts . -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end -}}

{{/* A number as people write it: Helm reads 1000000 as 1e+06. */}}
{{- define "jira-sync.text" -}}
{{- if kindIs "string" . -}}{{- . -}}{{- else -}}{{- . | toJson -}}{{- end -}}
{{- end -}}

{{/* The variables of each pod but SHARD. */}}
{{- define "jira-sync.env" -}}
- name: FLEET
  value: {{ .Values.fleet | quote }}
{{- if eq .Values.configs.source "database" }}
- name: CONFIG_SOURCE
  value: database
{{- else }}
- name: WATCH
  value: "1"
{{- end }}
- name: SECRETS_DIR
  value: {{ .Values.secrets.mountPath | quote }}
- name: ALLOWED_HOSTS
  value: {{ include "jira-sync.allowedHosts" . | quote }}
{{- range include "jira-sync.groupSecrets" . | fromJsonArray }}
- name: {{ .variable }}
  value: {{ printf "%s/%s" (include "jira-sync.groupSecretsPath" $) .path | quote }}
{{- end }}
{{- range $name, $value := omit .Values.settings "ALLOWED_HOSTS" }}
- name: {{ $name }}
  value: {{ include "jira-sync.text" $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
