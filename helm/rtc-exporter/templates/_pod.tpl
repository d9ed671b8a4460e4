{{- /* What a pod is given: variables, files, folders. Secrets come as files, never as arguments; of OTLP's headers there is only a variable. */}}

{{- define "rtc-exporter.env" -}}
- name: RTC_EXPORTER_INGEST__LISTEN
  value: {{ printf "%s:8080" .Values.listenAddress | quote }}
- name: RTC_EXPORTER_ADMIN__LISTEN
  value: {{ printf "%s:9464" .Values.listenAddress | quote }}
{{- if or .Values.config .Values.configFrom.configMap .Values.configFrom.secret }}
- name: RTC_EXPORTER_CONFIG
  value: /etc/rtc-exporter/config/rtc-exporter.toml
{{- end }}
{{- /* Behind an Ingress or a Gateway there is one proxy, or all clients would share the places of its one address. */}}
{{- $knows := or .Values.configFrom.configMap .Values.configFrom.secret (hasKey (get .Values.config "ingest" | default dict) "trusted_hops") }}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not $knows) }}
- name: RTC_EXPORTER_INGEST__TRUSTED_HOPS
  value: "1"
{{- end }}
{{- if include "rtc-exporter.tokenSecret" . }}
- name: RTC_EXPORTER_INGEST__TOKEN_SECRET_FILE
  value: /etc/rtc-exporter/token/token-secret
{{- end }}
{{- range $section, $files := .Values.secretFiles }}
{{- range $name, $from := $files }}
- name: {{ printf "RTC_EXPORTER_%s__%s" ($section | upper) ($name | upper) }}
  value: {{ printf "/etc/rtc-exporter/secrets/%s.%s" $section $name }}{{ with $from.key }}/{{ . }}{{ end }}
{{- end }}
{{- end }}
{{- if .Values.otlp.endpoint }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otlp.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .Values.otlp.protocol }}
{{- range $signal := list "traces" "metrics" }}
{{- if not (has $signal $.Values.otlp.signals) }}
- name: OTEL_{{ $signal | upper }}_EXPORTER
  value: none
{{- end }}
{{- end }}
{{- if .Values.otlp.headers.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .Values.otlp.headers.existingSecret }}
      key: {{ .Values.otlp.headers.key }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "rtc-exporter.resourceAttributes" . | quote }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Percent signs, commas and equals signs are escaped, as the specification has it. */}}
{{- define "rtc-exporter.resourceAttributes" -}}
k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.pod.uid=$(POD_UID),k8s.node.name=$(NODE_NAME),service.instance.id=$(POD_UID)
{{- range $name, $value := .Values.otlp.resourceAttributes }},{{ $name }}={{ $value | replace "%" "%25" | replace "," "%2C" | replace "=" "%3D" }}{{ end }}
{{- end }}

{{- define "rtc-exporter.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if or .Values.config .Values.configFrom.configMap .Values.configFrom.secret }}
- name: config
  mountPath: /etc/rtc-exporter/config
  readOnly: true
{{- end }}
{{- if include "rtc-exporter.tokenSecret" . }}
- name: token
  mountPath: /etc/rtc-exporter/token
  readOnly: true
{{- end }}
{{- range $section, $files := .Values.secretFiles }}
{{- range $name, $from := $files }}
- name: {{ printf "secret-%s-%s" $section $name | replace "_" "-" }}
  mountPath: {{ printf "/etc/rtc-exporter/secrets/%s.%s" $section $name }}
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "rtc-exporter.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSizeLimit }}
{{- if .Values.configFrom.secret }}
- name: config
  secret:
    secretName: {{ .Values.configFrom.secret }}
{{- else if or .Values.config .Values.configFrom.configMap }}
- name: config
  configMap:
    name: {{ default (include "rtc-exporter.fullname" .) .Values.configFrom.configMap }}
{{- end }}
{{- with include "rtc-exporter.tokenSecret" . }}
- name: token
  secret:
    secretName: {{ . }}
    items:
      - key: {{ $.Values.auth.key }}
        path: token-secret
{{- end }}
{{- range $section, $files := .Values.secretFiles }}
{{- range $name, $from := $files }}
- name: {{ printf "secret-%s-%s" $section $name | replace "_" "-" }}
  secret:
    secretName: {{ $from.name }}
    {{- with $from.key }}
    items:
      - key: {{ . }}
        path: {{ . }}
    {{- end }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
