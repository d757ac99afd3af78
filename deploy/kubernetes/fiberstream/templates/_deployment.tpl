{{/* Takes root and key. Renders one service: its Deployment, and the Service through which Prometheus scrapes its admin port. */}}
{{- define "fiberstream.deployment" -}}
{{- $root := .root -}}
{{- $key := .key -}}
{{- $own := index $root.Values $key -}}
{{- $service := include "fiberstream.service" $key -}}
{{- $labelled := dict "root" $root "component" $service -}}
{{- $name := printf "%s-%s" (include "fiberstream.fullname" $root) $service -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
spec:
  {{- /* Left out where something else sets it: an upgrade would set it back. */}}
  {{- if not $own.autoscaling.enabled }}
  replicas: {{ $own.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    # Start the new pod first: the old one is stopped only when the new one is ready.
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels:
      {{- include "fiberstream.selectorLabels" $labelled | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "fiberstream.labels" $labelled | nindent 8 }}
      annotations:
        kubectl.kubernetes.io/default-container: {{ $service }}
        {{- if and (not $own.secret) (not $root.Values.secret.existing) }}
        checksum/secret: {{ $root.Values.secret.values | toJson | sha256sum }}
        {{- end }}
        {{- with $own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "fiberstream.podDefaults" $root | nindent 6 }}
      # The service stops within 25 s after SIGTERM. Before that, a public port waits 5 s until no new requests are routed to it.
      terminationGracePeriodSeconds: 40
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
          labelSelector:
            matchLabels:
              {{- include "fiberstream.selectorLabels" $labelled | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- end }}
      {{- with $own.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ $service }}
          image: {{ include "fiberstream.image" (dict "root" $root "image" $service) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          {{- include "fiberstream.containerSecurity" $root | nindent 10 }}
          env:
            {{- include "fiberstream.env" . | nindent 12 }}
          ports:
            - { name: admin, containerPort: 8010 }
            {{- if eq $key "gateway" }}
            - { name: http, containerPort: 8000 }
            {{- else if eq $key "console" }}
            - { name: http, containerPort: 4000 }
            {{- end }}
          # The admin server starts before the service connects to Kafka or the database, so that a slow backing service does not cause a restart.
          startupProbe:
            httpGet: { path: /livez, port: admin }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /livez, port: admin }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /readyz, port: admin }
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          {{- if has $key (list "gateway" "console") }}
          lifecycle:
            preStop: { sleep: { seconds: 5 } }
          {{- end }}
          resources:
            {{- toYaml $own.resources | nindent 12 }}
          volumeMounts:
            {{- include "fiberstream.mounts" . | nindent 12 }}
      volumes:
        {{- include "fiberstream.volumes" . | nindent 8 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}-admin
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
    fiberstream/port: admin
spec:
  # Headless, for Prometheus, which scrapes each pod. Pods that are not ready are scraped too.
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "fiberstream.selectorLabels" $labelled | nindent 4 }}
  ports:
    - { name: admin, port: 8010, targetPort: admin }
{{- if $root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "fiberstream.labels" $labelled | nindent 4 }}
spec:
  maxUnavailable: {{ $root.Values.podDisruptionBudget.maxUnavailable }}
  # A pod that does not become ready does not block the draining of a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "fiberstream.selectorLabels" $labelled | nindent 6 }}
{{- end }}
{{- end }}
