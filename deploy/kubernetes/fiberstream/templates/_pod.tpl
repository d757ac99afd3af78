{{/* Takes root and key. Returns the settings that are not secret, as a map: the chart's, those of all services, the service's own. */}}
{{- define "fiberstream.settings" -}}
{{- $own := index .root.Values .key -}}
{{- $settings := dict
  "NAMESPACE" .root.Values.namespacePrefix
  "KAFKA_BROKERS" (include "fiberstream.brokers" .root)
  "SCHEMA_REGISTRY_URL" (include "fiberstream.registryUrl" .root) -}}
{{- if ne .key "deploySteps" -}}
{{- $settings = merge $settings (dict "LOG_FORMAT" "json" "ADMIN_HOST" "::" "ADMIN_PORT" "8010" "SHUTDOWN_TIMEOUT_MS" "25000") -}}
{{- end -}}
{{- if has .key (list "gateway" "console") -}}
{{- $settings = merge $settings (dict "HOST" "::") -}}
{{- end -}}
{{- if and (eq .key "auditor") $own.checkpoints.claim -}}
{{- $settings = merge $settings (dict "AUDIT_CHECKPOINT_FILE" "/var/lib/fiberstream/checkpoints.jsonl") -}}
{{- end -}}
{{- if .root.Values.kafka.strimzi.enabled -}}
{{- $settings = merge $settings (dict
  "KAFKA_SECURITY_PROTOCOL" "SASL_SSL"
  "KAFKA_SASL_MECHANISM" "SCRAM-SHA-512"
  "KAFKA_SASL_USERNAME" (printf "%s-%s" (include "fiberstream.fullname" .root) (include "fiberstream.service" .key))
  "KAFKA_SASL_PASSWORD_FILE" "/etc/fiberstream/kafka-user/password"
  "KAFKA_SSL_CA_LOCATION" "/etc/fiberstream/kafka-ca/ca.crt") -}}
{{- end -}}
{{- range include "fiberstream.secretSettings" . | fromYamlArray -}}
{{- $_ := set $settings (printf "%s_FILE" .) (printf "/etc/fiberstream/secret/%s" .) -}}
{{- end -}}
{{- range $name, $value := merge (dict) $own.settings $.root.Values.settings -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* Takes root and key. Returns the names of the settings in the Secret: those of the values, and the credentials of the chart's registry. */}}
{{- define "fiberstream.secretSettings" -}}
{{- $names := (index .root.Values .key).secretSettings -}}
{{- if .root.Values.registry.inCluster.enabled -}}
{{- $names = append $names "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO" | uniq -}}
{{- end -}}
{{- toYaml $names -}}
{{- end }}

{{/* Takes root and key. */}}
{{- define "fiberstream.env" -}}
{{- range $name, $value := include "fiberstream.settings" . | fromYaml }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{/* Takes root and key. Returns the volumes: what a service reads, and the one folder that it may write to. */}}
{{- define "fiberstream.mounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: secret, mountPath: /etc/fiberstream/secret, readOnly: true }
{{- if .root.Values.certificates.existing }}
- { name: certificates, mountPath: /etc/fiberstream/certificates, readOnly: true }
{{- end }}
{{- if and (eq .key "auditor") .root.Values.auditor.checkpoints.claim }}
- { name: checkpoints, mountPath: /var/lib/fiberstream }
{{- end }}
{{- if .root.Values.kafka.strimzi.enabled }}
- { name: kafka-user, mountPath: /etc/fiberstream/kafka-user, readOnly: true }
- { name: kafka-ca, mountPath: /etc/fiberstream/kafka-ca, readOnly: true }
{{- end }}
{{- end }}

{{- define "fiberstream.volumes" -}}
- name: tmp
  emptyDir: { medium: Memory, sizeLimit: 64Mi }
- name: secret
  secret:
    secretName: {{ .secretName | default (include "fiberstream.secretName" .) }}
    defaultMode: 0440
    items:
      {{- range include "fiberstream.secretSettings" . | fromYamlArray }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- with .root.Values.certificates.existing }}
- name: certificates
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- if and (eq .key "auditor") .root.Values.auditor.checkpoints.claim }}
- name: checkpoints
  persistentVolumeClaim: { claimName: {{ .root.Values.auditor.checkpoints.claim }} }
{{- end }}
{{- if .root.Values.kafka.strimzi.enabled }}
- name: kafka-user
  secret:
    secretName: {{ include "fiberstream.fullname" .root }}-{{ include "fiberstream.service" .key }}
    defaultMode: 0440
    items: [{ key: password, path: password }]
- name: kafka-ca
  secret:
    secretName: {{ include "fiberstream.kafkaCluster" .root }}-cluster-ca-cert
    defaultMode: 0440
    items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- end }}

{{/* Our pods do not use the Kubernetes API, and get the addresses of other services from settings. */}}
{{- define "fiberstream.podDefaults" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "fiberstream.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}
