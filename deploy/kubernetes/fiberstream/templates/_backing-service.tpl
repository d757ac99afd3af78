{{/*
Renders a backing service: one pod with a volume, its Service, and a network policy for its clients.
Takes root, component, values (image, storage, resources), port, user (a number), command, env, mountPath, extraMounts and
extraVolumes, and probe (a command).
*/}}
{{- define "fiberstream.backingService" -}}
{{- $root := .root -}}
{{- $labelled := dict "root" $root "component" .component -}}
{{- $name := printf "%s-%s" (include "fiberstream.fullname" $root) .component -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
spec:
  serviceName: {{ $name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "fiberstream.selectorLabels" $labelled | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "fiberstream.labels" $labelled | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 60
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: {{ .component }}
          image: {{ .values.image }}
          {{- include "fiberstream.containerSecurity" $root | nindent 10 }}
          {{- with .command }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - { name: {{ .component }}, containerPort: {{ .port }} }
          startupProbe:
            exec: { command: {{ .probe | toJson }} }
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            exec: { command: {{ .probe | toJson }} }
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 6
          readinessProbe:
            exec: { command: {{ .probe | toJson }} }
            periodSeconds: 5
            timeoutSeconds: 5
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - { name: data, mountPath: {{ .mountPath }} }
            - { name: tmp, mountPath: /tmp }
            {{- with .extraMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        {{- with .extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumeClaimTemplates:
    - metadata: { name: data }
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storage.class }}
        storageClassName: {{ . }}
        {{- end }}
        resources: { requests: { storage: {{ .values.storage.size }} } }
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
spec:
  selector:
    {{- include "fiberstream.selectorLabels" $labelled | nindent 4 }}
  ports:
    - { name: {{ .component }}, port: {{ .port }}, targetPort: {{ .component }} }
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "fiberstream.selectorLabels" $labelled | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports: [{ port: {{ .component }} }]
      from:
        - podSelector: { matchLabels: { app.kubernetes.io/name: {{ $root.Chart.Name }}, app.kubernetes.io/instance: {{ $root.Release.Name }} } }
{{- end }}
{{- end }}
