{{/*
At most 40 characters: the longest that is put behind it, -stream-processor-admin, takes 23 of the 63 that Kubernetes
allows, as does what controllers add to a pod's labels. A longer one is cut, and told from others by a digest.
*/}}
{{- define "fiberstream.fullname" -}}
{{- $whole := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- if le (len $whole) 40 -}}
{{ $whole }}
{{- else -}}
{{ printf "%s-%s" ($whole | trunc 31 | trimSuffix "-") ($whole | sha256sum | trunc 8) }}
{{- end -}}
{{- end }}

{{/* The service that each key of the values configures. */}}
{{- define "fiberstream.service" -}}
{{ get (dict "gateway" "ingest-gateway" "processor" "stream-processor" "sink" "sink-writer" "console" "console" "auditor" "auditor" "deploySteps" "deploy-steps") . }}
{{- end }}

{{/* Takes root and component. Labels that do not change during a release's life. */}}
{{- define "fiberstream.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "fiberstream.labels" -}}
{{ include "fiberstream.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Takes root and image (the name of the service's folder). */}}
{{- define "fiberstream.image" -}}
{{- $image := .root.Values.image -}}
{{ with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}/{{ .image }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "fiberstream.kafkaCluster" -}}{{ include "fiberstream.fullname" . }}-kafka{{- end }}

{{- define "fiberstream.brokers" -}}
{{- if .Values.kafka.strimzi.enabled -}}
{{ include "fiberstream.kafkaCluster" . }}-kafka-bootstrap:9093
{{- else -}}
{{ required "kafka.brokers (host:port of a cluster), or kafka.strimzi.enabled, is needed" .Values.kafka.brokers }}
{{- end -}}
{{- end }}

{{- define "fiberstream.registryUrl" -}}
{{- if .Values.registry.inCluster.enabled -}}
http://{{ include "fiberstream.fullname" . }}-registry:8080/apis/ccompat/v7
{{- else -}}
{{ required "registry.url, or registry.inCluster.enabled, is needed" .Values.registry.url }}
{{- end -}}
{{- end }}

{{/* Not empty if the chart installs a backing service that the deploy steps have to wait for. */}}
{{- define "fiberstream.bringsBackingServices" -}}
{{- if or .Values.kafka.strimzi.enabled .Values.registry.inCluster.enabled .Values.database.inCluster.enabled }}yes{{ end }}
{{- end }}

{{/* Takes root and key (of the service in the values). Returns the name of the Secret with its settings. */}}
{{- define "fiberstream.secretName" -}}
{{- (index .root.Values .key).secret | default .root.Values.secret.existing | default (include "fiberstream.fullname" .root) -}}
{{- end }}

{{/* Not empty if at least one service has no Secret of its own. */}}
{{- define "fiberstream.makesSecret" -}}
{{- if not .Values.secret.existing -}}
{{- range list .Values.gateway .Values.processor .Values.sink .Values.console .Values.auditor .Values.deploySteps -}}
{{- if not .secret }}yes{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
