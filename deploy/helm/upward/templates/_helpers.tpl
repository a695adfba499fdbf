{{- define "upward.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "upward.services" -}}
accounts programs intake matching feedback notifications events console
{{- end -}}

{{/* The APIs that run, as words: `all`, or each service. */}}
{{- define "upward.apis" -}}
{{- if eq .Values.size "small" }}all{{ else }}{{ include "upward.services" . }}{{ end -}}
{{- end -}}

{{/* The workers that run, as words. */}}
{{- define "upward.workers" -}}
{{- if eq .Values.size "small" }}all{{ else }}workflows programs intake matching feedback notifications events relay{{ end -}}
{{- end -}}

{{- define "upward.image" -}}
{{- $image := .Values.image -}}
{{- $image.repository -}}
{{- if $image.digest -}}@{{ $image.digest }}{{- else -}}:{{ $image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "upward.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "upward.labels" -}}
{{ include "upward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* What every container of Upward gets. Nothing secret is among the values. */}}
{{- define "upward.environment" -}}
- name: UPWARD_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret.name | quote }}
      key: {{ .Values.secret.databaseUrlKey | quote }}
- name: UPWARD_SERVICE_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.secret.name | quote }}
      key: {{ .Values.secret.serviceTokenKey | quote }}
- name: UPWARD_DATABASE_POOL_SIZE
  value: {{ .Values.database.poolSize | quote }}
- name: UPWARD_PUBLIC_URL
  value: {{ .Values.publicUrl | quote }}
- name: UPWARD_HOST
  value: 0.0.0.0
- name: UPWARD_PORT
  value: "8080"
- name: UPWARD_WORKER_PORT
  value: "8081"
- name: UPWARD_SMTP_HOST
  value: {{ .Values.smtp.host | quote }}
- name: UPWARD_SMTP_PORT
  value: {{ .Values.smtp.port | quote }}
- name: UPWARD_SMTP_STARTTLS
  value: {{ .Values.smtp.starttls | quote }}
{{- with .Values.smtp.credentials }}
{{- if .secret }}
- name: UPWARD_SMTP_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .usernameKey | quote }}
- name: UPWARD_SMTP_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .passwordKey | quote }}
{{- end }}
{{- end }}
- name: UPWARD_MAIL_FROM
  value: {{ .Values.mail.from | quote }}
- name: UPWARD_MAIL_DOMAIN
  value: {{ .Values.mail.domain | quote }}
- name: TEMPORAL_ADDRESS
  value: {{ .Values.temporal.address | quote }}
- name: TEMPORAL_NAMESPACE
  value: {{ .Values.temporal.namespace | quote }}
{{- if .Values.temporal.tls }}
- name: TEMPORAL_TLS
  value: "true"
{{- end }}
{{- with .Values.temporal.apiKey }}
{{- if .secret }}
- name: TEMPORAL_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key | quote }}
{{- end }}
{{- end }}
{{- if .Values.telemetry.metrics }}
- name: UPWARD_METRICS
  value: "true"
{{- end }}
{{- with .Values.telemetry.otlpUrl }}
- name: UPWARD_OTLP_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.deployment.name }}
- name: UPWARD_DEPLOYMENT
  value: {{ . | quote }}
{{- end }}
{{- range $name, $value := .Values.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Where each service is, as JSON. */}}
{{- define "upward.urls" -}}
{{- $urls := dict -}}
{{- range (include "upward.services" . | splitList " ") -}}
{{- $_ := set $urls . (printf "http://%s-%s:8080" (include "upward.name" $) .) -}}
{{- end -}}
{{- $urls | toJson -}}
{{- end -}}

{{- define "upward.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "upward.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The parts of a pod that say where it runs. */}}
{{- define "upward.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* A deployment of one part: takes `root`, `kind` (api or worker), `name`, `values`, `scales`, and for an earlier release
its `component` and `image`. */}}
{{- define "upward.deployment" -}}
{{- $root := .root -}}
{{- $component := .component | default (ternary .name (printf "%s-worker" .name) (eq .kind "api")) -}}
{{- $port := ternary 8080 8081 (eq .kind "api") -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "upward.name" $root }}-{{ $component }}
  labels:
    {{- include "upward.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  {{- if not .scales }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "upward.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ $component }}
  template:
    metadata:
      labels:
        {{- include "upward.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
        upward/kind: {{ .kind }}
      {{- with $root.Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        {{- include "upward.podSecurity" $root | nindent 8 }}
      {{- include "upward.placement" $root | nindent 6 }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "upward.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $component }}
      containers:
        - name: upward
          image: {{ .image | default (include "upward.image" $root) | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [{{ ternary "serve" "worker" (eq .kind "api") }}, {{ .name }}]
          env:
            {{- include "upward.environment" $root | nindent 12 }}
            - name: UPWARD_SERVICE_URLS
              value: {{ ternary "{}" (include "upward.urls" $root) (and (eq .kind "api") (eq .name "all")) | quote }}
          ports:
            - name: http
              containerPort: {{ $port }}
          {{- if eq .kind "api" }}
          # It goes on until nobody sends it requests any more.
          lifecycle:
            preStop:
              exec: {command: [sleep, "5"]}
          {{- end }}
          startupProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 15
            timeoutSeconds: 5
            failureThreshold: 4
          readinessProbe:
            httpGet: {path: /readyz, port: http}
            periodSeconds: 10
            timeoutSeconds: 6
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            {{- include "upward.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tmp
          emptyDir:
            sizeLimit: 256Mi
{{- end -}}

{{- define "upward.scaler" -}}
{{- $root := .root -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "upward.name" $root }}-{{ .component }}
  labels:
    {{- include "upward.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "upward.name" $root }}-{{ .component }}
  minReplicas: {{ .replicas }}
  maxReplicas: {{ max .replicas .autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .autoscaling.targetCPUUtilizationPercentage }}
{{- end -}}

{{- define "upward.disruption" -}}
{{- $root := .root -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "upward.name" $root }}-{{ .component }}
  labels:
    {{- include "upward.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "upward.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end -}}
