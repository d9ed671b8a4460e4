{{- /* Names, labels and what several templates share. */}}

{{- define "rtc-exporter.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "rtc-exporter.fullname" -}}
{{- $name := include "rtc-exporter.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Selectors can never change: nothing that a user may want to change is in them. */}}
{{- define "rtc-exporter.selector" -}}
app.kubernetes.io/name: {{ include "rtc-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rtc-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "rtc-exporter.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/part-of: rtc-exporter
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "rtc-exporter.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "rtc-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "rtc-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* "true" where the settings, or what is given in their place, need no key of ours. */}}
{{- define "rtc-exporter.hasOtherAuth" -}}
{{- $ingest := dig "ingest" (dict) .Values.config }}
{{- $files := dig "ingest" (dict) .Values.secretFiles }}
{{- if or .Values.configFrom.configMap .Values.configFrom.secret $ingest.allow_anonymous $ingest.token_secret_file $ingest.token_keys $ingest.keys_file $files }}true{{ end }}
{{- end }}

{{- define "rtc-exporter.tokenSecret" -}}
{{- if .Values.auth.existingSecret }}
{{- .Values.auth.existingSecret }}
{{- else if and .Values.auth.create (not (include "rtc-exporter.hasOtherAuth" .)) }}
{{- include "rtc-exporter.fullname" . }}-token
{{- end }}
{{- end }}

{{- /* A value of TOML.  Numbers of YAML are floats in Helm; whole ones are written as whole ones. */}}
{{- define "rtc-exporter.toml" -}}
{{- if kindIs "bool" . }}{{ . }}
{{- else if or (kindIs "float64" .) (kindIs "int" .) (kindIs "int64" .) }}
{{- if eq (float64 .) (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else if kindIs "slice" . }}[{{ range $index, $item := . }}{{ if $index }}, {{ end }}{{ include "rtc-exporter.toml" $item }}{{ end }}]
{{- else }}{{ . | toString | toJson }}
{{- end }}
{{- end }}

{{- define "rtc-exporter.config" -}}
{{- range $section, $settings := .Values.config }}
{{- if $settings }}
[{{ $section }}]
{{- range $name, $value := $settings }}
{{ $name }} = {{ include "rtc-exporter.toml" $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The same for every container that runs our image. */}}
{{- define "rtc-exporter.securityContext" -}}
{{- toYaml .Values.securityContext }}
{{- end }}

{{- /* Fails with a sentence where the cluster does not know an API. Argument: list of context, value that asked, API. */}}
{{- define "rtc-exporter.needs" -}}
{{- $root := index . 0 }}
{{- if not (or $root.Values.assumeCRDs ($root.Capabilities.APIVersions.Has (index . 2))) }}
{{- fail (printf "%s is set, and the cluster does not know %s: install its CRDs first, or set assumeCRDs=true where the chart is rendered without a cluster" (index . 1) (index . 2)) }}
{{- end }}
{{- end }}

{{- /* What cannot work is refused before anything is installed. */}}
{{- define "rtc-exporter.validate" -}}
{{- if not .Values.image.repository }}
{{- fail "image.repository is empty: build the image from the Dockerfile, push it to a registry of yours, and name it here" }}
{{- end }}
{{- if and (not (include "rtc-exporter.tokenSecret" .)) (not (include "rtc-exporter.hasOtherAuth" .)) }}
{{- fail "nothing would check who sends: set auth.create, auth.existingSecret, or a file of keys under secretFiles.ingest" }}
{{- end }}
{{- if and (eq (toString .Values.updateStrategy.maxSurge) "0") (eq (toString .Values.updateStrategy.maxUnavailable) "0") }}
{{- fail "updateStrategy.maxSurge and updateStrategy.maxUnavailable are both 0: no pod could ever be replaced" }}
{{- end }}
{{- range $name, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels }}
{{- range $label := list "app.kubernetes.io/name" "app.kubernetes.io/instance" }}
{{- if hasKey ($labels | default dict) $label }}
{{- fail (printf "%s has %s, by which the chart selects its pods: leave it out" $name $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.prometheusRule.enabled (ne .Values.job "rtc-exporter") }}
{{- fail "job is not rtc-exporter, by which the rules of prometheusRule.enabled find the exporter: leave one of them out" }}
{{- end }}
{{- if and .Values.auth.existingSecret (dig "ingest" "token_secret_file" "" .Values.secretFiles) }}
{{- fail "auth.existingSecret and secretFiles.ingest.token_secret_file are both set, wanted one of them" }}
{{- end }}
{{- if and .Values.configFrom.configMap .Values.configFrom.secret }}
{{- fail "configFrom.configMap and configFrom.secret are both set, wanted one of them" }}
{{- end }}
{{- if and (or .Values.configFrom.configMap .Values.configFrom.secret) .Values.config }}
{{- fail "config and configFrom are both set, wanted one of them" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled are both set, and everything would be scraped twice: wanted one of them" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.metrics) (not .Values.autoscaling.targetCPUUtilizationPercentage) }}
{{- fail "autoscaling.enabled is set, and there is no metric to scale by: set autoscaling.targetCPUUtilizationPercentage or autoscaling.metrics" }}
{{- end }}
{{- if and .Values.autoscaling.enabled .Values.autoscaling.targetCPUUtilizationPercentage (not (dig "requests" "cpu" "" .Values.resources)) }}
{{- fail "autoscaling.targetCPUUtilizationPercentage is a share of the request, and resources.requests.cpu is not set" }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled is set, and ingress.hosts is empty" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled is set, and httpRoute.parentRefs names no gateway" }}
{{- end }}
{{- if and .Values.otlp.headers.existingSecret (not .Values.otlp.endpoint) }}
{{- fail "otlp.headers.existingSecret is set, and otlp.endpoint is empty" }}
{{- end }}
{{- /* What the process itself takes at most: its settings under shutdown, whose defaults these are, and five seconds for OTLP. */}}
{{- $told := dig "shutdown" (dict) .Values.config }}
{{- $own := addf (dig "delay" 5 $told) (dig "spread" 10 $told) (dig "linger" 20 $told) 5 }}
{{- if lt (float64 .Values.shutdown.terminationGracePeriodSeconds) (addf .Values.shutdown.preStopSeconds $own) }}
{{- fail (printf "shutdown.terminationGracePeriodSeconds is %v, and the end of a pod may take %v: preStopSeconds, the settings under config.shutdown, and 5 for OTLP" .Values.shutdown.terminationGracePeriodSeconds (addf .Values.shutdown.preStopSeconds $own)) }}
{{- end }}
{{- end }}
