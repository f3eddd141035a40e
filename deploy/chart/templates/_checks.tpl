{{/* What the schema cannot say, or would not say clearly. The service, which is always there, has them made. */}}
{{- define "jira-sync.checks" -}}
{{- if not .Values.database.existingSecret -}}
{{- fail "\n\ndatabase.existingSecret is empty. Name the Secret that holds the address of your MongoDB server:\n\n  kubectl create secret generic jira-sync-database --from-literal=database_url='mongodb://…'\n  helm … --set database.existingSecret=jira-sync-database\n" -}}
{{- end -}}
{{- if and (eq .Values.kind "StatefulSet") (gt (int .Values.replicasPerShard) 1) -}}
{{- fail "\n\nreplicasPerShard: a StatefulSet has one pod for each shard. Standbys need kind: Deployment.\n" -}}
{{- end -}}
{{- include "jira-sync.checkConfigs" . -}}
{{- include "jira-sync.checkExtraEnv" . -}}
{{- end -}}

{{- define "jira-sync.checkConfigs" -}}
{{- $configs := .Values.configs -}}
{{- if and $configs.files (ne $configs.source "configMap") -}}
{{- fail (printf "\n\nconfigs.files counts only with configs.source: configMap. It is %s.\n" $configs.source) -}}
{{- end -}}
{{- if and $configs.existingConfigMaps (ne $configs.source "existingConfigMap") -}}
{{- fail (printf "\n\nconfigs.existingConfigMaps counts only with configs.source: existingConfigMap. It is %s.\n" $configs.source) -}}
{{- end -}}
{{- if and (eq $configs.source "existingConfigMap") (not $configs.existingConfigMaps) -}}
{{- fail "\n\nconfigs.existingConfigMaps is empty. With configs.source: existingConfigMap, name the ConfigMaps with the files of your syncs.\n" -}}
{{- end -}}
{{- range $name, $content := $configs.files -}}
{{- if or (not (regexMatch "^[A-Za-z0-9_-][A-Za-z0-9._-]*[.]json$" $name)) (regexMatch "[.](example|schema)[.]json$" $name) -}}
{{- fail (printf "\n\nconfigs.files.%s: a file of this name is not read. Name it after its sync, such as sync-ab.json: letters, digits, dots, - and _; not .example.json or .schema.json.\n" $name) -}}
{{- end -}}
{{- $parsed := $content -}}
{{- if kindIs "string" $content -}}
{{- $parsed = fromJson $content -}}
{{- if and (hasKey $parsed "Error") (eq (len $parsed) 1) -}}
{{- fail (printf "\n\nconfigs.files.%s is no JSON object: %s\n" $name $parsed.Error) -}}
{{- end -}}
{{- end -}}
{{- include "jira-sync.checkForSecrets" (dict "where" (printf "configs.files.%s" $name) "value" $parsed) -}}
{{- end -}}
{{- end -}}

{{/* Refuses a secret that is written in a sync's file, wherever in it. A reference to one begins with ${. */}}
{{- define "jira-sync.checkForSecrets" -}}
{{- $where := .where -}}
{{- if kindIs "map" .value -}}
{{- range $field, $value := .value -}}
{{- if and (has $field (list "apiToken" "clientSecret")) (kindIs "string" $value) (not (regexMatch "^\\$\\{[^}]+\\}$" $value)) -}}
{{- fail (printf "\n\n%s: %s is written in the file itself. Put it into a Secret, name that in secrets.existingSecrets, and write \"${file:/run/secrets/KEY}\".\n" $where $field) -}}
{{- end -}}
{{- include "jira-sync.checkForSecrets" (dict "where" $where "value" $value) -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range .value -}}
{{- include "jira-sync.checkForSecrets" (dict "where" $where "value" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "jira-sync.checkExtraEnv" -}}
{{- $own := list "SHARD" "POD_NAME" "FLEET" "CONFIG_SOURCE" "WATCH" "SECRETS_DIR" "ALLOWED_HOSTS" "CONFIG_DIR" "RUN_DIR" "BIND" "PORT" -}}
{{- range include "jira-sync.groupSecrets" . | fromJsonArray -}}
{{- $own = append $own .variable -}}
{{- end -}}
{{- $secrets := list "DATABASE_URL" "ADMIN_TOKEN" "VIEW_TOKEN" "JIRA_API_TOKEN" "JIRA_CLIENT_SECRET" "NOTIFY_URL" "SMTP_URL" "FORMER_DATABASE_URL" -}}
{{- range .Values.extraEnv -}}
{{- if has .name $secrets -}}
{{- fail (printf "\n\nextraEnv: %s is a secret, which no environment should hold. Name a Secret in database, page, jira or notifications; it becomes a file.\n" .name) -}}
{{- end -}}
{{- if or (has .name $own) (hasKey $.Values.settings .name) -}}
{{- fail (printf "\n\nextraEnv: %s is set by the chart, or in settings. Two values of one variable would be one too many.\n" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses an object of the Prometheus Operator that the cluster does not know: without it, nobody would miss an alert. */}}
{{- define "jira-sync.needsPrometheusOperator" -}}
{{- if not (.root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind)) -}}
{{- fail (printf "\n\n%s: this cluster knows no %s. Install the Prometheus Operator first, or set it to false. Without a cluster: helm template --api-versions monitoring.coreos.com/v1/%s\n" .value .kind .kind) -}}
{{- end -}}
{{- end -}}
