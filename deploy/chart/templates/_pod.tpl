{{/* The metadata and the spec of a pod. `shard`: its number, or 0 in a StatefulSet, where the pod's own name tells it. */}}
{{- define "jira-sync.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "jira-sync.selectorLabels" $root | nindent 4 }}
    {{- if .shard }}
    jira-sync/shard: {{ .shard | quote }}
    {{- end }}
    {{- include "jira-sync.podLabels" $root | trim | nindent 4 }}
  {{- with $root.Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "jira-sync.serviceAccountName" $root }}
  # It asks the cluster nothing. A mounted token would also lie in the folder of secrets.
  automountServiceAccountToken: false
  # Else each service of the namespace is a variable: a service named jira would give syncs a JIRA_PORT to refer to.
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml $root.Values.podSecurityContext | nindent 4 }}
  {{- include "jira-sync.names" $root | nindent 2 }}
  containers:
    - name: jira-sync
      image: {{ include "jira-sync.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext:
        {{- toYaml $root.Values.securityContext | nindent 8 }}
      env:
        {{- if .shard }}
        - name: SHARD
          value: {{ printf "%d/%d" (int .shard) (int $root.Values.shards) | quote }}
        {{- else }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: SHARD
          value: {{ printf "$(POD_NAME)/%d" (int $root.Values.shards) | quote }}
        {{- end }}
        {{- include "jira-sync.env" $root | nindent 8 }}
      ports:
        - name: http
          containerPort: 3000
          protocol: TCP
      startupProbe:
        {{- include "jira-sync.probe" (dict "path" "/health/live" "timing" $root.Values.startupProbe) | nindent 8 }}
      livenessProbe:
        {{- include "jira-sync.probe" (dict "path" "/health/live" "timing" $root.Values.livenessProbe) | nindent 8 }}
      readinessProbe:
        {{- include "jira-sync.probe" (dict "path" "/health/ready" "timing" $root.Values.readinessProbe) | nindent 8 }}
      # What supervisord said last is then in `kubectl describe pod`.
      terminationMessagePolicy: FallbackToLogsOnError
      resources:
        {{- toYaml $root.Values.resources | nindent 8 }}
      volumeMounts:
        - name: run
          mountPath: /run/jira-sync
        - name: tmp
          mountPath: /tmp
        - name: group-secrets
          mountPath: {{ include "jira-sync.groupSecretsPath" $root }}
          readOnly: true
        {{- if $root.Values.secrets.existingSecrets }}
        - name: secrets
          mountPath: {{ $root.Values.secrets.mountPath }}
          readOnly: true
        {{- end }}
        {{- if ne $root.Values.configs.source "database" }}
        # The whole folder: what is mounted with a subPath is never renewed.
        - name: configs
          mountPath: /app/configs
          readOnly: true
        {{- end }}
        {{- with $root.Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "jira-sync.volumes" $root | nindent 4 }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  tolerations:
    {{- range list "not-ready" "unreachable" }}
    - key: node.kubernetes.io/{{ . }}
      operator: Exists
      effect: NoExecute
      tolerationSeconds: {{ $root.Values.nodeFailureTolerationSeconds }}
    {{- end }}
    {{- with $root.Values.tolerations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- include "jira-sync.spread" . | nindent 2 }}
{{- end -}}

{{/* How a pod finds addresses by name. */}}
{{- define "jira-sync.names" -}}
{{- range $name := list "dnsPolicy" "dnsConfig" "hostAliases" -}}
{{- with index $.Values $name }}
{{ dict $name . | toYaml }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "jira-sync.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .timing }}
{{- end -}}

{{/* The two folders that are written to belong to root, and the group of the pod may write there. jira-sync then keeps what
is its own in a folder in it that only its user enters. */}}
{{- define "jira-sync.volumes" -}}
- name: run
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.runVolume.sizeLimit }}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.tmpVolume.sizeLimit }}
- name: group-secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "jira-sync.groupSecrets" . | fromJsonArray }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .path }}
      {{- end }}
{{- if .Values.secrets.existingSecrets }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .Values.secrets.existingSecrets }}
      - secret:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- if ne .Values.configs.source "database" }}
- name: configs
  projected:
    sources:
      {{- range include "jira-sync.configMaps" . | fromJsonArray }}
      - configMap:
          name: {{ . }}
      {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A cluster takes one constraint for each topologyKey and whenUnsatisfiable. With standbys, that of the shard is the one by
hostname: it matters more that the two pods of a shard are apart than that all pods are spread. What a user has written with
a labelSelector stays. */}}
{{- define "jira-sync.spread" -}}
{{- $root := .root -}}
{{- $all := dict "matchLabels" (include "jira-sync.selectorLabels" $root | fromYaml) -}}
{{- $hasStandby := and .shard (gt (int $root.Values.replicasPerShard) 1) -}}
{{- $constraints := list -}}
{{- range $root.Values.topologySpreadConstraints -}}
{{- $isOfHosts := and (eq .topologyKey "kubernetes.io/hostname") (eq .whenUnsatisfiable "ScheduleAnyway") -}}
{{- if and $hasStandby $isOfHosts (hasKey . "labelSelector") -}}
{{- $hasStandby = false -}}
{{- end -}}
{{- if not (and $hasStandby $isOfHosts) -}}
{{- $constraints = append $constraints (hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" $all) .)) -}}
{{- end -}}
{{- end -}}
{{- if $hasStandby -}}
{{- $shard := dict "matchLabels" (merge (dict "jira-sync/shard" (toString .shard)) $all.matchLabels) -}}
{{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $shard) -}}
{{- end -}}
{{- with $constraints -}}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}
