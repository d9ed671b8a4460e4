{{- /* Made by tools/chart_rules.py; without values it is alerts/rtc.standard.rules.yml. */ -}}
groups:
  - name: rtc.slo.setup-success
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) }})
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome=~"ice_failed|dtls_failed|timeout"}[5m]))
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[5m]))
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="setup-success"} / (rtc_slo:events:increase5m{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome=~"ice_failed|dtls_failed|timeout"}[30m]))
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[30m]))
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="setup-success"} / (rtc_slo:events:increase30m{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome=~"ice_failed|dtls_failed|timeout"}[1h]))
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[1h]))
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="setup-success"} / (rtc_slo:events:increase1h{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-success"}[2h:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-success"}[2h:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="setup-success"} / (rtc_slo:events:increase2h{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-success"}[6h:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-success"}[6h:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="setup-success"} / (rtc_slo:events:increase6h{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-success"}[1d:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-success"}[1d:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="setup-success"} / (rtc_slo:events:increase1d{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-success"}[3d:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-success"}[3d:5m])
        labels:
          slo: setup-success
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="setup-success"} / (rtc_slo:events:increase3d{slo="setup-success"} > 0)
        labels:
          slo: setup-success
      - alert: RTCSetupErrorBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="setup-success"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: setup
          team: rtc
          slo: setup-success
          window: 1h
        annotations:
          summary: Users cannot get into calls
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.99 (index $.Values.prometheusRule.objectives "setup-success")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 100) }}. Attempts to connect that fail by ICE, DTLS or time; who gives up by itself does not count. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupErrorBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupErrorBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="setup-success"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: setup
          team: rtc
          slo: setup-success
          window: 6h
        annotations:
          summary: Users cannot get into calls
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.99 (index $.Values.prometheusRule.objectives "setup-success")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 100) }}. Attempts to connect that fail by ICE, DTLS or time; who gives up by itself does not count. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupErrorBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupErrorBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="setup-success"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: rtc
          slo: setup-success
          window: 1d
        annotations:
          summary: Users cannot get into calls
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.99 (index $.Values.prometheusRule.objectives "setup-success")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 100) }}. Attempts to connect that fail by ICE, DTLS or time; who gives up by itself does not count. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupErrorBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupErrorBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="setup-success"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="setup-success"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: rtc
          slo: setup-success
          window: 3d
        annotations:
          summary: Users cannot get into calls
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.99 (index $.Values.prometheusRule.objectives "setup-success")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.99 (index $.Values.prometheusRule.objectives "setup-success"))) 100) }}. Attempts to connect that fail by ICE, DTLS or time; who gives up by itself does not count. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupErrorBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.setup-time
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) }})
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_bucket{rtc_setup_stage="total",le=~"5(\\.0)?"}[5m]))
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[5m]))
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="setup-time"} / (rtc_slo:events:increase5m{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_bucket{rtc_setup_stage="total",le=~"5(\\.0)?"}[30m]))
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[30m]))
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="setup-time"} / (rtc_slo:events:increase30m{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_bucket{rtc_setup_stage="total",le=~"5(\\.0)?"}[1h]))
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_setup_duration_seconds_count{rtc_setup_stage="total"}[1h]))
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="setup-time"} / (rtc_slo:events:increase1h{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-time"}[2h:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-time"}[2h:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="setup-time"} / (rtc_slo:events:increase2h{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-time"}[6h:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-time"}[6h:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="setup-time"} / (rtc_slo:events:increase6h{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-time"}[1d:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-time"}[1d:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="setup-time"} / (rtc_slo:events:increase1d{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="setup-time"}[3d:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="setup-time"}[3d:5m])
        labels:
          slo: setup-time
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="setup-time"} / (rtc_slo:events:increase3d{slo="setup-time"} > 0)
        labels:
          slo: setup-time
      - alert: RTCSetupSlowBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="setup-time"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: setup
          team: rtc
          slo: setup-time
          window: 1h
        annotations:
          summary: Calls take too long to begin
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "setup-time")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 100) }}. Connections that take more than 5 s from the first step to connected. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupSlowBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupSlowBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="setup-time"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: setup
          team: rtc
          slo: setup-time
          window: 6h
        annotations:
          summary: Calls take too long to begin
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "setup-time")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 100) }}. Connections that take more than 5 s from the first step to connected. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupSlowBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupSlowBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="setup-time"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: rtc
          slo: setup-time
          window: 1d
        annotations:
          summary: Calls take too long to begin
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "setup-time")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 100) }}. Connections that take more than 5 s from the first step to connected. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupSlowBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSetupSlowBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="setup-time"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="setup-time"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: rtc
          slo: setup-time
          window: 3d
        annotations:
          summary: Calls take too long to begin
          description: '{{ "{{" }} $value | humanizePercentage }} of attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "setup-time")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "setup-time"))) 100) }}. Connections that take more than 5 s from the first step to connected. First look: how attempts end or which stage takes the time, then releases and TURN.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSetupSlowBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.good-minutes
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) }})
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality=~"poor|bad"}[5m]))
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality!="unclassified"}[5m]))
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="good-minutes"} / (rtc_slo:events:increase5m{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality=~"poor|bad"}[30m]))
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality!="unclassified"}[30m]))
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="good-minutes"} / (rtc_slo:events:increase30m{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality=~"poor|bad"}[1h]))
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality!="unclassified"}[1h]))
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="good-minutes"} / (rtc_slo:events:increase1h{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="good-minutes"}[2h:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="good-minutes"}[2h:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="good-minutes"} / (rtc_slo:events:increase2h{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="good-minutes"}[6h:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="good-minutes"}[6h:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="good-minutes"} / (rtc_slo:events:increase6h{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="good-minutes"}[1d:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="good-minutes"}[1d:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="good-minutes"} / (rtc_slo:events:increase1d{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="good-minutes"}[3d:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="good-minutes"}[3d:5m])
        labels:
          slo: good-minutes
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="good-minutes"} / (rtc_slo:events:increase3d{slo="good-minutes"} > 0)
        labels:
          slo: good-minutes
      - record: rtc_slo:affected:current
        expr: rtc_slo:bad_events:increase5m{slo="good-minutes"} / 300
        labels:
          slo: good-minutes
      - alert: RTCGoodMinutesBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="good-minutes"} >= {{ int64 (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) }}
          and max_over_time(rtc_slo:affected:current{slo="good-minutes"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: good-minutes
          window: 1h
        annotations:
          summary: Users have bad calls
          description: '{{ "{{" }} $value | humanizePercentage }} of call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 100) }}. Time of participants of class poor or bad. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCGoodMinutesBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCGoodMinutesBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="good-minutes"} >= {{ int64 (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) }}
          and max_over_time(rtc_slo:affected:current{slo="good-minutes"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: good-minutes
          window: 6h
        annotations:
          summary: Users have bad calls
          description: '{{ "{{" }} $value | humanizePercentage }} of call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 100) }}. Time of participants of class poor or bad. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCGoodMinutesBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCGoodMinutesBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="good-minutes"} >= {{ int64 (default 36000 (index $.Values.prometheusRule.thresholds "bad_time")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: good-minutes
          window: 1d
        annotations:
          summary: Users have bad calls
          description: '{{ "{{" }} $value | humanizePercentage }} of call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 100) }}. Time of participants of class poor or bad. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCGoodMinutesBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCGoodMinutesBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="good-minutes"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="good-minutes"} >= {{ int64 (default 36000 (index $.Values.prometheusRule.thresholds "bad_time")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: good-minutes
          window: 3d
        annotations:
          summary: Users have bad calls
          description: '{{ "{{" }} $value | humanizePercentage }} of call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "good-minutes"))) 100) }}. Time of participants of class poor or bad. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCGoodMinutesBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.clean-audio
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) }})
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_bucket{le="0.03"}[5m]))
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[5m]))
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="clean-audio"} / (rtc_slo:events:increase5m{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_bucket{le="0.03"}[30m]))
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[30m]))
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="clean-audio"} / (rtc_slo:events:increase30m{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_bucket{le="0.03"}[1h]))
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_concealment_ratio_count[1h]))
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="clean-audio"} / (rtc_slo:events:increase1h{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="clean-audio"}[2h:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="clean-audio"}[2h:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="clean-audio"} / (rtc_slo:events:increase2h{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="clean-audio"}[6h:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="clean-audio"}[6h:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="clean-audio"} / (rtc_slo:events:increase6h{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="clean-audio"}[1d:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="clean-audio"}[1d:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="clean-audio"} / (rtc_slo:events:increase1d{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="clean-audio"}[3d:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="clean-audio"}[3d:5m])
        labels:
          slo: clean-audio
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="clean-audio"} / (rtc_slo:events:increase3d{slo="clean-audio"} > 0)
        labels:
          slo: clean-audio
      - record: rtc_slo:affected:current
        expr: sum by (rtc_tenant, rtc_app_name) (rtc_issue_participants{rtc_issue="audio_concealment"})
        labels:
          slo: clean-audio
      - alert: RTCCleanAudioBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="clean-audio"} >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) 5) }}
          and max_over_time(rtc_slo:affected:current{slo="clean-audio"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: clean-audio
          window: 1h
        annotations:
          summary: Users miss words
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 100) }}. Stretches of received audio (a fold of one stream) with more than 3% made up, silence not counted. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCleanAudioBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCCleanAudioBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="clean-audio"} >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) 5) }}
          and max_over_time(rtc_slo:affected:current{slo="clean-audio"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: clean-audio
          window: 6h
        annotations:
          summary: Users miss words
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 100) }}. Stretches of received audio (a fold of one stream) with more than 3% made up, silence not counted. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCleanAudioBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCCleanAudioBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="clean-audio"} >= {{ int64 (default 7200 (index $.Values.prometheusRule.thresholds "bad_stretches")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: clean-audio
          window: 1d
        annotations:
          summary: Users miss words
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 100) }}. Stretches of received audio (a fold of one stream) with more than 3% made up, silence not counted. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCleanAudioBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCCleanAudioBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="clean-audio"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="clean-audio"} >= {{ int64 (default 7200 (index $.Values.prometheusRule.thresholds "bad_stretches")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: clean-audio
          window: 3d
        annotations:
          summary: Users miss words
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.98 (index $.Values.prometheusRule.objectives "clean-audio"))) 100) }}. Stretches of received audio (a fold of one stream) with more than 3% made up, silence not counted. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCleanAudioBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.smooth-video
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) }})
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_bucket{le="0.05"}[5m]))
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[5m]))
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="smooth-video"} / (rtc_slo:events:increase5m{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_bucket{le="0.05"}[30m]))
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[30m]))
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="smooth-video"} / (rtc_slo:events:increase30m{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_bucket{le="0.05"}[1h]))
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_inbound_freeze_ratio_count[1h]))
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="smooth-video"} / (rtc_slo:events:increase1h{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="smooth-video"}[2h:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="smooth-video"}[2h:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="smooth-video"} / (rtc_slo:events:increase2h{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="smooth-video"}[6h:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="smooth-video"}[6h:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="smooth-video"} / (rtc_slo:events:increase6h{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="smooth-video"}[1d:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="smooth-video"}[1d:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="smooth-video"} / (rtc_slo:events:increase1d{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="smooth-video"}[3d:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="smooth-video"}[3d:5m])
        labels:
          slo: smooth-video
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="smooth-video"} / (rtc_slo:events:increase3d{slo="smooth-video"} > 0)
        labels:
          slo: smooth-video
      - record: rtc_slo:affected:current
        expr: sum by (rtc_tenant, rtc_app_name) (rtc_issue_participants{rtc_issue="freeze"})
        labels:
          slo: smooth-video
      - alert: RTCSmoothVideoBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="smooth-video"} >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) 5) }}
          and max_over_time(rtc_slo:affected:current{slo="smooth-video"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: smooth-video
          window: 1h
        annotations:
          summary: Video stands still
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 100) }}. Stretches of received video that stand still for more than 5% of the time. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSmoothVideoBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSmoothVideoBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="smooth-video"} >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 300) 5) }}
          and max_over_time(rtc_slo:affected:current{slo="smooth-video"}[5m]) >= {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "affected")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: media
          team: rtc
          slo: smooth-video
          window: 6h
        annotations:
          summary: Video stands still
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 100) }}. Stretches of received video that stand still for more than 5% of the time. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSmoothVideoBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSmoothVideoBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="smooth-video"} >= {{ int64 (default 7200 (index $.Values.prometheusRule.thresholds "bad_stretches")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: smooth-video
          window: 1d
        annotations:
          summary: Video stands still
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 100) }}. Stretches of received video that stand still for more than 5% of the time. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSmoothVideoBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCSmoothVideoBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="smooth-video"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="smooth-video"} >= {{ int64 (default 7200 (index $.Values.prometheusRule.thresholds "bad_stretches")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
          slo: smooth-video
          window: 3d
        annotations:
          summary: Video stands still
          description: '{{ "{{" }} $value | humanizePercentage }} of stretches of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.97 (index $.Values.prometheusRule.objectives "smooth-video"))) 100) }}. Stretches of received video that stand still for more than 5% of the time. First look: whose it is, by side and cause, then countries and releases.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSmoothVideoBurn.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.voice-turn
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.95 (index $.Values.prometheusRule.objectives "voice-turn"))) }})
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_bucket{le="1.5"}[5m]))
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[5m]))
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="voice-turn"} / (rtc_slo:events:increase5m{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_bucket{le="1.5"}[30m]))
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[30m]))
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="voice-turn"} / (rtc_slo:events:increase30m{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_bucket{le="1.5"}[1h]))
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_latency_seconds_count[1h]))
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="voice-turn"} / (rtc_slo:events:increase1h{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-turn"}[2h:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-turn"}[2h:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="voice-turn"} / (rtc_slo:events:increase2h{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-turn"}[6h:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-turn"}[6h:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="voice-turn"} / (rtc_slo:events:increase6h{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-turn"}[1d:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-turn"}[1d:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="voice-turn"} / (rtc_slo:events:increase1d{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-turn"}[3d:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-turn"}[3d:5m])
        labels:
          slo: voice-turn
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="voice-turn"} / (rtc_slo:events:increase3d{slo="voice-turn"} > 0)
        labels:
          slo: voice-turn
  - name: rtc.slo.voice-pipeline
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) }})
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_bucket{le="1.25"}[5m]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[5m]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="voice-pipeline"} / (rtc_slo:events:increase5m{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_bucket{le="1.25"}[30m]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[30m]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="voice-pipeline"} / (rtc_slo:events:increase30m{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_bucket{le="1.25"}[1h]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_pipeline_latency_seconds_count[1h]))
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="voice-pipeline"} / (rtc_slo:events:increase1h{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-pipeline"}[2h:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-pipeline"}[2h:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="voice-pipeline"} / (rtc_slo:events:increase2h{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-pipeline"}[6h:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-pipeline"}[6h:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="voice-pipeline"} / (rtc_slo:events:increase6h{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-pipeline"}[1d:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-pipeline"}[1d:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="voice-pipeline"} / (rtc_slo:events:increase1d{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-pipeline"}[3d:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-pipeline"}[3d:5m])
        labels:
          slo: voice-pipeline
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="voice-pipeline"} / (rtc_slo:events:increase3d{slo="voice-pipeline"} > 0)
        labels:
          slo: voice-pipeline
      - alert: RTCVoicePipelineBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="voice-pipeline"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: voice-ai
          slo: voice-pipeline
          window: 1h
        annotations:
          summary: Voice agents answer too late
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 100) }}. Turns of which the agent itself takes more than 1.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoicePipelineBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoicePipelineBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="voice-pipeline"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: voice-ai
          slo: voice-pipeline
          window: 6h
        annotations:
          summary: Voice agents answer too late
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 100) }}. Turns of which the agent itself takes more than 1.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoicePipelineBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoicePipelineBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="voice-pipeline"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: voice-ai
          slo: voice-pipeline
          window: 1d
        annotations:
          summary: Voice agents answer too late
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 100) }}. Turns of which the agent itself takes more than 1.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoicePipelineBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoicePipelineBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="voice-pipeline"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="voice-pipeline"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: voice-ai
          slo: voice-pipeline
          window: 3d
        annotations:
          summary: Voice agents answer too late
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-pipeline"))) 100) }}. Turns of which the agent itself takes more than 1.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoicePipelineBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.voice-transport
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) }})
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[5m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_bucket{le="0.25"}[5m]))
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[5m]))
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="voice-transport"} / (rtc_slo:events:increase5m{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[30m])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_bucket{le="0.25"}[30m]))
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[30m]))
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="voice-transport"} / (rtc_slo:events:increase30m{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[1h])) - sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_bucket{le="0.25"}[1h]))
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turn_transport_latency_seconds_count[1h]))
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="voice-transport"} / (rtc_slo:events:increase1h{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-transport"}[2h:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-transport"}[2h:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="voice-transport"} / (rtc_slo:events:increase2h{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-transport"}[6h:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-transport"}[6h:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="voice-transport"} / (rtc_slo:events:increase6h{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-transport"}[1d:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-transport"}[1d:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="voice-transport"} / (rtc_slo:events:increase1d{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-transport"}[3d:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-transport"}[3d:5m])
        labels:
          slo: voice-transport
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="voice-transport"} / (rtc_slo:events:increase3d{slo="voice-transport"} > 0)
        labels:
          slo: voice-transport
      - alert: RTCVoiceTransportBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="voice-transport"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: rtc
          slo: voice-transport
          window: 1h
        annotations:
          summary: The way to voice agents is too long
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 100) }}. Turns of which the way, up and down, takes more than 0.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceTransportBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceTransportBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="voice-transport"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: rtc
          slo: voice-transport
          window: 6h
        annotations:
          summary: The way to voice agents is too long
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 100) }}. Turns of which the way, up and down, takes more than 0.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceTransportBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceTransportBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="voice-transport"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: rtc
          slo: voice-transport
          window: 1d
        annotations:
          summary: The way to voice agents is too long
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 100) }}. Turns of which the way, up and down, takes more than 0.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceTransportBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceTransportBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="voice-transport"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="voice-transport"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: rtc
          slo: voice-transport
          window: 3d
        annotations:
          summary: The way to voice agents is too long
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.95 (index $.Values.prometheusRule.objectives "voice-transport"))) 100) }}. Turns of which the way, up and down, takes more than 0.25 s. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceTransportBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.slo.voice-response
    interval: 30s
    rules:
      - record: rtc_slo:objective:ratio
        expr: vector({{ printf "%.6g" (float64 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) }})
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome="no_response"}[5m]))
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome=~"answered|reprompted|no_response"}[5m]))
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate5m
        expr: rtc_slo:bad_events:increase5m{slo="voice-response"} / (rtc_slo:events:increase5m{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome="no_response"}[30m]))
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase30m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome=~"answered|reprompted|no_response"}[30m]))
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate30m
        expr: rtc_slo:bad_events:increase30m{slo="voice-response"} / (rtc_slo:events:increase30m{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome="no_response"}[1h]))
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase1h
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_voice_turns_total{rtc_voice_outcome=~"answered|reprompted|no_response"}[1h]))
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate1h
        expr: rtc_slo:bad_events:increase1h{slo="voice-response"} / (rtc_slo:events:increase1h{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase2h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-response"}[2h:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase2h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-response"}[2h:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate2h
        expr: rtc_slo:bad_events:increase2h{slo="voice-response"} / (rtc_slo:events:increase2h{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase6h
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-response"}[6h:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase6h
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-response"}[6h:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate6h
        expr: rtc_slo:bad_events:increase6h{slo="voice-response"} / (rtc_slo:events:increase6h{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase1d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-response"}[1d:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase1d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-response"}[1d:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate1d
        expr: rtc_slo:bad_events:increase1d{slo="voice-response"} / (rtc_slo:events:increase1d{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - record: rtc_slo:bad_events:increase3d
        expr: sum_over_time(rtc_slo:bad_events:increase5m{slo="voice-response"}[3d:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:events:increase3d
        expr: sum_over_time(rtc_slo:events:increase5m{slo="voice-response"}[3d:5m])
        labels:
          slo: voice-response
      - record: rtc_slo:error:ratio_rate3d
        expr: rtc_slo:bad_events:increase3d{slo="voice-response"} / (rtc_slo:events:increase3d{slo="voice-response"} > 0)
        labels:
          slo: voice-response
      - alert: RTCVoiceNoResponseBurn
        expr: |-
          rtc_slo:error:ratio_rate1h{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 14.4) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate5m{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 14.4) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1h{slo="voice-response"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: voice-ai
          slo: voice-response
          window: 1h
        annotations:
          summary: Voice agents do not answer
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1h, and the objective of {{ printf "%.1f%%" (mulf (default 0.995 (index $.Values.prometheusRule.objectives "voice-response")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 100) }}. Turns to which the agent says nothing for ten seconds, while its user is there. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceNoResponseBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceNoResponseBurn
        expr: |-
          rtc_slo:error:ratio_rate6h{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 6.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate30m{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 6.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase6h{slo="voice-response"} >= {{ int64 (default 5 (index $.Values.prometheusRule.thresholds "bad_events")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: voice
          team: voice-ai
          slo: voice-response
          window: 6h
        annotations:
          summary: Voice agents do not answer
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 6h, and the objective of {{ printf "%.1f%%" (mulf (default 0.995 (index $.Values.prometheusRule.objectives "voice-response")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 100) }}. Turns to which the agent says nothing for ten seconds, while its user is there. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceNoResponseBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceNoResponseBurn
        expr: |-
          rtc_slo:error:ratio_rate1d{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 3.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate2h{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 3.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase1d{slo="voice-response"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: voice-ai
          slo: voice-response
          window: 1d
        annotations:
          summary: Voice agents do not answer
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 1d, and the objective of {{ printf "%.1f%%" (mulf (default 0.995 (index $.Values.prometheusRule.objectives "voice-response")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 100) }}. Turns to which the agent says nothing for ten seconds, while its user is there. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceNoResponseBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCVoiceNoResponseBurn
        expr: |-
          rtc_slo:error:ratio_rate3d{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 1.0) 0.5) 6)) }}
          and rtc_slo:error:ratio_rate6h{slo="voice-response"} > {{ printf "%.6g" (float64 (round (minf (mulf (subf 1.0 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 1.0) 0.5) 6)) }}
          and rtc_slo:bad_events:increase3d{slo="voice-response"} >= {{ int64 (default 15 (index $.Values.prometheusRule.thresholds "bad_events_ticket")) }}
        for: 3h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: voice
          team: voice-ai
          slo: voice-response
          window: 3d
        annotations:
          summary: Voice agents do not answer
          description: '{{ "{{" }} $value | humanizePercentage }} of turns of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} were bad over 3d, and the objective of {{ printf "%.1f%%" (mulf (default 0.995 (index $.Values.prometheusRule.objectives "voice-response")) 100) }} allows {{ printf "%.1f%%" (mulf (subf 1 (default 0.995 (index $.Values.prometheusRule.objectives "voice-response"))) 100) }}. Turns to which the agent says nothing for ten seconds, while its user is there. First look: which agent, and which part of its turns.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCVoiceNoResponseBurn.md
          dashboard_url: http://localhost:3000/d/rtc-voice-agents?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.recording.budget
    interval: 5m
    rules:
      - record: rtc_slo:error:ratio30d
        expr: sum_over_time(rtc_slo:bad_events:increase1h[30d:1h]) / (sum_over_time(rtc_slo:events:increase1h[30d:1h]) > 0)
      - record: rtc_slo:budget_remaining:ratio30d
        expr: 1 - rtc_slo:error:ratio30d / on (slo) group_left () (1 - rtc_slo:objective:ratio)
  - name: rtc.cohort.country
    interval: 1m
    rules:
      - record: rtc_cohort:bad:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, geo_country_iso_code) (increase(rtc_path_quality_time_seconds_total{rtc_quality=~"poor|bad",geo_country_iso_code!=""}[30m])) / 300
        labels:
          cohort: country
      - record: rtc_cohort:total:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, geo_country_iso_code) (increase(rtc_path_quality_time_seconds_total{rtc_quality!="unclassified",geo_country_iso_code!=""}[30m])) / 300
        labels:
          cohort: country
      - record: rtc_cohort:bad:ratio_rate30m
        expr: rtc_cohort:bad:increase30m{cohort="country"} / (rtc_cohort:total:increase30m{cohort="country"} > 0)
        labels:
          cohort: country
      - record: rtc_cohort:bad:wilson_lower30m
        expr: ((rtc_cohort:bad:increase30m{cohort="country"} / (rtc_cohort:total:increase30m{cohort="country"} > 0)) + 1.353012 / (rtc_cohort:total:increase30m{cohort="country"} > 0) - 1.645 * sqrt((rtc_cohort:bad:increase30m{cohort="country"} / (rtc_cohort:total:increase30m{cohort="country"} > 0)) * (1 - (rtc_cohort:bad:increase30m{cohort="country"} / (rtc_cohort:total:increase30m{cohort="country"} > 0))) / (rtc_cohort:total:increase30m{cohort="country"} > 0) + 0.676506 / (rtc_cohort:total:increase30m{cohort="country"} > 0) / (rtc_cohort:total:increase30m{cohort="country"} > 0))) / (1 + 2.706025 / (rtc_cohort:total:increase30m{cohort="country"} > 0))
        labels:
          cohort: country
      - record: rtc_cohort:rest:ratio_rate30m
        expr: (rtc_cohort:bad:increase30m{cohort="country"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:bad:increase30m{cohort="country"})) / (rtc_cohort:total:increase30m{cohort="country"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:total:increase30m{cohort="country"}))
        labels:
          cohort: country
      - alert: RTCCountryDegraded
        expr: |-
          rtc_cohort:bad:ratio_rate30m{cohort="country"} > {{ (default 0.1 (index $.Values.prometheusRule.thresholds "country_share")) }}
          and rtc_cohort:bad:wilson_lower30m{cohort="country"} > {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} * rtc_cohort:rest:ratio_rate30m{cohort="country"}
          and rtc_cohort:bad:increase30m{cohort="country"} >= {{ int64 (default 18 (index $.Values.prometheusRule.thresholds "cohort_observations")) }}
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: network
          team: rtc
          cohort: country
        annotations:
          summary: Users of one country have bad calls
          description: '{{ "{{" }} $value | humanizePercentage }} of the call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} in {{ "{{" }} $labels.geo_country_iso_code }} is poor or bad, for certain more than {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} times as much as elsewhere. First look: routes and media servers of that region.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCountryDegraded.md
          dashboard_url: http://localhost:3000/d/rtc-network?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&var-country={{ "{{" }} $labels.geo_country_iso_code | urlquery }}&from=now-3h&to=now
  - name: rtc.cohort.release
    interval: 1m
    rules:
      - record: rtc_cohort:bad:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_participant_quality_time_seconds_total{rtc_quality=~"poor|bad",rtc_app_version!=""}[30m])) / 300
        labels:
          cohort: release
      - record: rtc_cohort:total:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_participant_quality_time_seconds_total{rtc_quality!="unclassified",rtc_app_version!=""}[30m])) / 300
        labels:
          cohort: release
      - record: rtc_cohort:bad:ratio_rate30m
        expr: rtc_cohort:bad:increase30m{cohort="release"} / (rtc_cohort:total:increase30m{cohort="release"} > 0)
        labels:
          cohort: release
      - record: rtc_cohort:bad:wilson_lower30m
        expr: ((rtc_cohort:bad:increase30m{cohort="release"} / (rtc_cohort:total:increase30m{cohort="release"} > 0)) + 1.353012 / (rtc_cohort:total:increase30m{cohort="release"} > 0) - 1.645 * sqrt((rtc_cohort:bad:increase30m{cohort="release"} / (rtc_cohort:total:increase30m{cohort="release"} > 0)) * (1 - (rtc_cohort:bad:increase30m{cohort="release"} / (rtc_cohort:total:increase30m{cohort="release"} > 0))) / (rtc_cohort:total:increase30m{cohort="release"} > 0) + 0.676506 / (rtc_cohort:total:increase30m{cohort="release"} > 0) / (rtc_cohort:total:increase30m{cohort="release"} > 0))) / (1 + 2.706025 / (rtc_cohort:total:increase30m{cohort="release"} > 0))
        labels:
          cohort: release
      - record: rtc_cohort:rest:ratio_rate30m
        expr: (rtc_cohort:bad:increase30m{cohort="release"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:bad:increase30m{cohort="release"})) / (rtc_cohort:total:increase30m{cohort="release"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:total:increase30m{cohort="release"}))
        labels:
          cohort: release
      - alert: RTCReleaseRegression
        expr: |-
          rtc_cohort:bad:ratio_rate30m{cohort="release"} > {{ (default 0.06 (index $.Values.prometheusRule.thresholds "release_share")) }}
          and rtc_cohort:bad:wilson_lower30m{cohort="release"} > {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} * rtc_cohort:rest:ratio_rate30m{cohort="release"}
          and rtc_cohort:bad:increase30m{cohort="release"} >= {{ int64 (default 18 (index $.Values.prometheusRule.thresholds "cohort_observations")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: app
          cohort: release
        annotations:
          summary: A release makes calls worse
          description: '{{ "{{" }} $value | humanizePercentage }} of the call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} {{ "{{" }} $labels.rtc_app_version }} is poor or bad, for certain more than {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} times as much as elsewhere. First look: stop its roll-out, then compare the issues.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCReleaseRegression.md
          dashboard_url: http://localhost:3000/d/rtc-release?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&var-candidate={{ "{{" }} $labels.rtc_app_version | urlquery }}&from=now-3h&to=now
  - name: rtc.cohort.release-setup
    interval: 1m
    rules:
      - record: rtc_cohort:bad:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_connection_attempts_total{rtc_outcome=~"ice_failed|dtls_failed|timeout",rtc_app_version!=""}[30m]))
        labels:
          cohort: release-setup
      - record: rtc_cohort:total:increase30m
        expr: sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned",rtc_app_version!=""}[30m]))
        labels:
          cohort: release-setup
      - record: rtc_cohort:bad:ratio_rate30m
        expr: rtc_cohort:bad:increase30m{cohort="release-setup"} / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0)
        labels:
          cohort: release-setup
      - record: rtc_cohort:bad:wilson_lower30m
        expr: ((rtc_cohort:bad:increase30m{cohort="release-setup"} / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0)) + 1.353012 / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0) - 1.645 * sqrt((rtc_cohort:bad:increase30m{cohort="release-setup"} / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0)) * (1 - (rtc_cohort:bad:increase30m{cohort="release-setup"} / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0))) / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0) + 0.676506 / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0) / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0))) / (1 + 2.706025 / (rtc_cohort:total:increase30m{cohort="release-setup"} > 0))
        labels:
          cohort: release-setup
      - record: rtc_cohort:rest:ratio_rate30m
        expr: (rtc_cohort:bad:increase30m{cohort="release-setup"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:bad:increase30m{cohort="release-setup"})) / (rtc_cohort:total:increase30m{cohort="release-setup"} - on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (rtc_cohort:total:increase30m{cohort="release-setup"}))
        labels:
          cohort: release-setup
      - alert: RTCReleaseSetupRegression
        expr: |-
          rtc_cohort:bad:ratio_rate30m{cohort="release-setup"} > {{ (default 0.03 (index $.Values.prometheusRule.thresholds "release_failures")) }}
          and rtc_cohort:bad:wilson_lower30m{cohort="release-setup"} > {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} * rtc_cohort:rest:ratio_rate30m{cohort="release-setup"}
          and rtc_cohort:bad:increase30m{cohort="release-setup"} >= {{ int64 (default 10 (index $.Values.prometheusRule.thresholds "cohort_attempts")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: app
          cohort: release-setup
        annotations:
          summary: A release fails to connect
          description: '{{ "{{" }} $value | humanizePercentage }} of the attempts of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} {{ "{{" }} $labels.rtc_app_version }} to connect fail, for certain more than {{ printf "%.6g" (float64 (default 2.0 (index $.Values.prometheusRule.thresholds "cohort_times"))) }} times as much as elsewhere. First look: stop its roll-out, then see where setup ends.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCReleaseSetupRegression.md
          dashboard_url: http://localhost:3000/d/rtc-release?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&var-candidate={{ "{{" }} $labels.rtc_app_version | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.exporter
    interval: 30s
    rules:
      - alert: RTCWatchdog
        expr: vector(1)
        labels:
          severity: none
          component: exporter
          team: rtc
        annotations:
          summary: Alerting works
          description: This alert always fires. Whoever receives it has to raise the alarm when it stops coming.
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCWatchdog.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?from=now-3h&to=now
      - alert: RTCExporterAbsent
        expr: absent(up{job="rtc-exporter"})
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: exporter
          team: rtc
        annotations:
          summary: No exporter is scraped, so nothing is known of calls
          description: 'Prometheus has no target of the job rtc-exporter. First look: the scrape configuration and service discovery.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterAbsent.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCExporterAllDown
        expr: max by (job) (up{job="rtc-exporter"}) == 0
        for: 2m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: exporter
          team: rtc
        annotations:
          summary: All exporters are down, so nothing is known of calls
          description: 'No exporter of the job {{ "{{" }} $labels.job }} answers Prometheus. First look: its log, and whether it was deployed.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterAllDown.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCExporterDown
        expr: |-
          up{job="rtc-exporter"} == 0
          unless on (job)
            max by (job) (up{job="rtc-exporter"}) == 0
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: An exporter is down, the calls of its clients are not seen
          description: '{{ "{{" }} $labels.instance }} does not answer Prometheus; others do. First look: its log.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterDown.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCShardDown
        expr: rtc_exporter_shard_up{job="rtc-exporter"} == 0
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: A shard of an exporter is down, the calls of its clients are not seen
          description: 'Shard {{ "{{" }} $labels.shard }} of {{ "{{" }} $labels.instance }} does not answer; the others do. First look: the log, where it says why it ended.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCShardDown.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCExporterRestarting
        expr: changes(process_start_time_seconds{job="rtc-exporter"}[1h]) > {{ int64 (default 3 (index $.Values.prometheusRule.thresholds "restarts")) }}
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: An exporter restarts again and again
          description: '{{ "{{" }} $labels.instance }} has started {{ "{{" }} $value | humanize }} times within an hour. First look: memory limits and its log.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterRestarting.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCExporterVersionSkew
        expr: count by (job) (count by (job, service_version) (rtc_exporter_build_info{job="rtc-exporter"})) > 1
        for: 2h
        keep_firing_for: 5m
        labels:
          severity: info
          component: exporter
          team: rtc
        annotations:
          summary: Exporters of several versions are at work
          description: '{{ "{{" }} $value | humanize }} versions have been at work for two hours, longer than a roll-out takes: metrics may mean two things. First look: which instance has stayed behind, and why.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterVersionSkew.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCNoReports
        expr: |-
          sum by (job) (increase(rtc_exporter_reports_total{job="rtc-exporter",rtc_outcome="accepted"}[10m]))
            < {{ (default 0.3 (index $.Values.prometheusRule.thresholds "hole_fall")) }} * sum by (job) (increase(rtc_exporter_reports_total{job="rtc-exporter",rtc_outcome="accepted"}[10m] offset 1h))
          and
            sum by (job) (rtc_exporter_connections{job="rtc-exporter"}) >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "hole_connections")) }}
          and
            sum by (job) (rtc_exporter_connections{job="rtc-exporter"}) > 0.7 * sum by (job) (rtc_exporter_connections{job="rtc-exporter"} offset 1h)
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Clients are connected and their reports do not arrive
          description: 'Clients are as many as an hour ago, and their reports are fewer than {{ printf "%.0f%%" (mulf (default 0.3 (index $.Values.prometheusRule.thresholds "hole_fall")) 100) }} of those: what other alerts say of calls is not to be trusted. First look: reports refused, by reason, and the newest release of the application.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCNoReports.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCReportsRefused
        expr: |-
          sum by (job, rtc_drop_reason) (increase(rtc_exporter_reports_dropped_total{job="rtc-exporter"}[15m])) >= {{ int64 (default 50 (index $.Values.prometheusRule.thresholds "refused")) }}
          and on (job, rtc_drop_reason)
            sum by (job, rtc_drop_reason) (increase(rtc_exporter_reports_dropped_total{job="rtc-exporter"}[15m]))
              / on (job) group_left () sum by (job) (increase(rtc_exporter_reports_total{job="rtc-exporter"}[15m])) > {{ (default 0.05 (index $.Values.prometheusRule.thresholds "refused_share")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Much of what clients send is refused
          description: '{{ "{{" }} $value | humanize }} were refused as {{ "{{" }} $labels.rtc_drop_reason }} within a quarter of an hour. First look: which clients, and what changed in them.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCReportsRefused.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCExporterMemoryHigh
        expr: sum by (job, instance) (rtc_exporter_memory_stage{job="rtc-exporter"}) > 0
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: An exporter gives clients or reports up for want of memory
          description: '{{ "{{" }} $labels.instance }} is at stage {{ "{{" }} $value | humanize }}: 1 new clients are refused, 2 reports are dropped, 3 the heaviest clients are closed. First look: its memory against its limit, and how many participants it holds.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCExporterMemoryHigh.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCNoRoom
        expr: sum by (job, rtc_limit) (increase(rtc_exporter_connections_refused_total{job="rtc-exporter",rtc_limit=~"process|tenant|bodies"}[15m])) >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "turned_away")) }}
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Clients are turned away because there is no room
          description: '{{ "{{" }} $value | humanize }} connections and requests were refused within a quarter of an hour, because the {{ "{{" }} $labels.rtc_limit }} is full. First look: connections against limits, and what else may take them.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCNoRoom.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCEngineFull
        expr: |-
          sum by (job) (increase(rtc_exporter_reports_dropped_total{job="rtc-exporter",rtc_drop_reason="no_engine"}[10m])) > 0
          or
            sum by (job) (increase(rtc_exporter_engine_batches_total{job="rtc-exporter",rtc_outcome="refused"}[10m])) > 0
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: The engine does not take what clients report
          description: '{{ "{{" }} $value | humanize }} reports or batches were not taken within ten minutes: what cannot wait is left out, and clients are sent away. First look: disk, streams and leader of NATS.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCEngineFull.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCEngineDamaged
        expr: sum by (job, rtc_outcome) (increase(rtc_exporter_engine_batches_total{job="rtc-exporter",rtc_outcome=~"lost|spoilt"}[15m])) > 0
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Batches of the engine are lost or spoilt
          description: '{{ "{{" }} $value | humanize }} batches were {{ "{{" }} $labels.rtc_outcome }} within a quarter of an hour: counts lack what was in them. First look: lost is the disk of NATS, spoilt is who else writes to its streams.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCEngineDamaged.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCEngineUnread
        expr: |-
          sum by (job) (rtc_exporter_engine_partitions{job="rtc-exporter",rtc_state="shown"})
            < max by (job) (rtc_exporter_engine_partitions{job="rtc-exporter",rtc_state="configured"})
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Some partitions of the engine are counted by nobody
          description: '{{ "{{" }} $value | humanize }} partitions are shown, and there are more: calls of the others are not seen until an aggregator takes them. First look: aggregators that are gone or restart.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCEngineUnread.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCEngineBehind
        expr: |-
          sum by (job) (rtc_exporter_engine_behind{job="rtc-exporter"}) > {{ int64 (default 600 (index $.Values.prometheusRule.thresholds "behind")) }}
          and
            sum by (job) (rtc_exporter_engine_behind{job="rtc-exporter"}) > {{ int64 (default 60 (index $.Values.prometheusRule.thresholds "behind_time")) }} * sum by (job) (increase(rtc_exporter_engine_batches_total{job="rtc-exporter",rtc_outcome="read"}[5m])) / 300
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Aggregators do not keep up with the engine
          description: '{{ "{{" }} $value | humanize }} batches are stored and not read, more than is read in {{ int64 (default 60 (index $.Values.prometheusRule.thresholds "behind_time")) }} seconds: metrics are late, and what is over the bound of a stream is refused. First look: processor time of aggregators, then start more.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCEngineBehind.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCSeriesOverflow
        expr: sum by (job, rtc_metric_family) (increase(rtc_exporter_series_limited_total{job="rtc-exporter"}[30m])) > 0
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: A metric has more label sets than it may have
          description: 'New label sets of {{ "{{" }} $labels.rtc_metric_family }} are folded into one series: sums stay right, and what is told by label is not complete. First look: which label grows.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSeriesOverflow.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCOtlpDropping
        expr: |-
          sum by (job, rtc_signal) (increase(rtc_exporter_otlp_dropped_total{job="rtc-exporter"}[15m])) >= {{ int64 (default 50 (index $.Values.prometheusRule.thresholds "otlp_dropped")) }}
          and
            sum by (job, rtc_signal) (increase(rtc_exporter_otlp_dropped_total{job="rtc-exporter"}[15m])) / sum by (job, rtc_signal) (increase(rtc_exporter_otlp_queued_total{job="rtc-exporter"}[15m])) > {{ (default 0.05 (index $.Values.prometheusRule.thresholds "otlp_share")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Spans or points are given up on their way to OTLP
          description: '{{ "{{" }} $value | humanize }} of {{ "{{" }} $labels.rtc_signal }} were given up within a quarter of an hour. First look: the receiver, then the reasons.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCOtlpDropping.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCInternalErrors
        expr: sum by (job) (increase(rtc_exporter_errors_internal_total{job="rtc-exporter"}[15m])) > 0
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: The exporter has a fault
          description: '{{ "{{" }} $value | humanize }} internal errors within a quarter of an hour; each is in the log with its trace. First look: the log, then file a bug.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCInternalErrors.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCClientClocks
        expr: |-
          1 - sum by (job) (increase(rtc_exporter_client_clock_offset_seconds_bucket{job="rtc-exporter",le=~"5(\\.0)?"}[1h])) / sum by (job) (increase(rtc_exporter_client_clock_offset_seconds_count{job="rtc-exporter"}[1h])) > {{ (default 0.05 (index $.Values.prometheusRule.thresholds "clock_share")) }}
          and
            sum by (job) (increase(rtc_exporter_client_clock_offset_seconds_count{job="rtc-exporter"}[1h])) >= {{ int64 (default 200 (index $.Values.prometheusRule.thresholds "clocks")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: info
          component: exporter
          team: rtc
        annotations:
          summary: Many client clocks are wrong
          description: '{{ "{{" }} $value | humanizePercentage }} of the client clocks that were looked at are off by more than five seconds. Spans are corrected for it. First look: the exporter''s own clock.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCClientClocks.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-job={{ "{{" }} $labels.job | urlquery }}&from=now-3h&to=now
      - alert: RTCRulesFailing
        expr: sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total{rule_group=~".+;rtc[.].+"}[10m])) > 0
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: rtc
        annotations:
          summary: Rules about calls cannot be evaluated
          description: 'Prometheus could not evaluate rules of {{ "{{" }} $labels.rule_group }}: its alerts may be silent. First look: the page of rules in Prometheus, which has the error.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCRulesFailing.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?from=now-3h&to=now
      - alert: RTCQualityUnknown
        expr: |-
          sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality="unclassified"}[1h])) / sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[1h])) > {{ (default 0.5 (index $.Values.prometheusRule.thresholds "unknown_share")) }}
          and
            sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total{rtc_quality="unclassified"}[1h])) >= {{ int64 (default 3600 (index $.Values.prometheusRule.thresholds "unknown_time")) }}
        for: 1h
        keep_firing_for: 5m
        labels:
          severity: warning
          component: exporter
          team: app
        annotations:
          summary: Of many calls nobody can say how they are
          description: '{{ "{{" }} $value | humanizePercentage }} of the call time of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} could not be judged, so objectives say nothing about it. First look: what clients send, by browser.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCQualityUnknown.md
          dashboard_url: http://localhost:3000/d/rtc-exporter?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.business
    interval: 30s
    rules:
      - alert: RTCCallVolumeDrop
        expr: |-
          sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_joins_total[30m]))
            < {{ (default 0.4 (index $.Values.prometheusRule.thresholds "volume_fall")) }} * sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_joins_total[30m] offset 1w))
          and
            sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_joins_total[30m] offset 1w)) >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "volume_before")) }}
          unless on ()
            min_over_time((max by (job) (up{job="rtc-exporter"}))[45m:1m]) == 0
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: business
          team: rtc
        annotations:
          summary: Far fewer users come than a week ago
          description: '{{ "{{" }} $value | humanize }} participants joined {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} in half an hour, fewer than {{ printf "%.0f%%" (mulf (default 0.4 (index $.Values.prometheusRule.thresholds "volume_fall")) 100) }} of those at this time a week ago. First look: can a call be started at all?'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCallVolumeDrop.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.turn
    interval: 30s
    rules:
      - record: rtc_turn:attempts:increase15m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[15m]))
      - record: rtc_turn:relays_per_attempt:ratio_rate15m
        expr: |-
          (sum by (rtc_tenant, rtc_app_name) (increase(rtc_ice_candidates_total{rtc_ice_candidate_type="relay"}[15m])) or rtc_turn:attempts:increase15m * 0)
          / rtc_turn:attempts:increase15m
      - record: rtc_turn:relays_per_attempt:ratio_rate1d
        expr: |-
          sum by (rtc_tenant, rtc_app_name) (increase(rtc_ice_candidates_total{rtc_ice_candidate_type="relay"}[1d] offset 15m))
          / (sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[1d] offset 15m)) > 0)
      - alert: RTCTurnOutage
        expr: |-
          rtc_turn:relays_per_attempt:ratio_rate15m
            < {{ (default 0.2 (index $.Values.prometheusRule.thresholds "turn_fall")) }} * rtc_turn:relays_per_attempt:ratio_rate1d
          and
            rtc_turn:relays_per_attempt:ratio_rate1d >= {{ (default 0.2 (index $.Values.prometheusRule.thresholds "turn_usual")) }}
          and
            rtc_turn:attempts:increase15m >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "turn_attempts")) }}
        for: 5m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: turn
          team: rtc
        annotations:
          summary: TURN gives no relays, users behind firewalls cannot join
          description: 'Clients of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} gather {{ "{{" }} $value | humanizePercentage }} relay candidates for each attempt to connect, under {{ printf "%.0f%%" (mulf (default 0.2 (index $.Values.prometheusRule.thresholds "turn_fall")) 100) }} of what was usual over a day. First look: the TURN servers, then the credentials that clients get.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCTurnOutage.md
          dashboard_url: http://localhost:3000/d/rtc-network?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCTurnRefusing
        expr: |-
          sum by (rtc_tenant, rtc_app_name, error_type) (increase(rtc_ice_candidate_errors_total{rtc_ice_server_scheme=~"turns?",error_type=~"4..|5.."}[15m])) >= {{ int64 (default 10 (index $.Values.prometheusRule.thresholds "turn_refusals")) }}
          and on (rtc_tenant, rtc_app_name, error_type)
            sum by (rtc_tenant, rtc_app_name, error_type) (increase(rtc_ice_candidate_errors_total{rtc_ice_server_scheme=~"turns?",error_type=~"4..|5.."}[15m]))
              / on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (increase(rtc_connection_attempts_total{rtc_outcome!="abandoned"}[15m])) > {{ (default 0.1 (index $.Values.prometheusRule.thresholds "turn_refused_share")) }}
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: turn
          team: rtc
        annotations:
          summary: TURN servers refuse clients
          description: '{{ "{{" }} $value | humanize }} refusals of clients of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} with code {{ "{{" }} $labels.error_type }} within a quarter of an hour. First look: 401 is the credentials that the application gives out, 486 and 508 are quota and capacity.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCTurnRefusing.md
          dashboard_url: http://localhost:3000/d/rtc-network?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.network
    interval: 30s
    rules:
      - record: rtc_reconnect:disconnections:increase5m
        expr: sum by (rtc_tenant, rtc_app_name) (increase(rtc_issue_onsets_total{rtc_issue="disconnected"}[5m]))
      - record: rtc_reconnect:disconnections_per_time:ratio_rate5m
        expr: |-
          rtc_reconnect:disconnections:increase5m
          / (sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[5m])) > 0)
      - record: rtc_reconnect:disconnections_per_time:ratio_rate1d
        expr: |-
          (sum by (rtc_tenant, rtc_app_name) (increase(rtc_issue_onsets_total{rtc_issue="disconnected"}[1d] offset 10m)) or sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[1d] offset 10m)) * 0)
          / (sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[1d] offset 10m)) > 0)
      - alert: RTCReconnectStorm
        expr: |-
          rtc_reconnect:disconnections_per_time:ratio_rate5m > {{ printf "%.6g" (float64 (default 5.0 (index $.Values.prometheusRule.thresholds "storm_times"))) }} * rtc_reconnect:disconnections_per_time:ratio_rate1d
          and
            rtc_reconnect:disconnections:increase5m >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "storm_disconnections")) }}
        for: 3m
        keep_firing_for: 5m
        labels:
          severity: critical
          component: network
          team: rtc
        annotations:
          summary: Many users lose their connection at once
          description: 'Participants of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} lose their connection more than {{ printf "%.6g" (float64 (default 5.0 (index $.Values.prometheusRule.thresholds "storm_times"))) }} times as often as over the day before. First look: what they share, a media server, a region, a deploy.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCReconnectStorm.md
          dashboard_url: http://localhost:3000/d/rtc-network?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.setup
    interval: 30s
    rules:
      - alert: RTCCaptureErrors
        expr: |-
          sum by (rtc_tenant, rtc_app_name, rtc_app_version, error_type) (increase(rtc_api_errors_total{rtc_api_method="getUserMedia"}[30m])) / on (rtc_tenant, rtc_app_name, rtc_app_version) group_left () sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_api_calls_total{rtc_api_method="getUserMedia"}[30m])) > {{ (default 0.2 (index $.Values.prometheusRule.thresholds "capture_share")) }}
          and
            sum by (rtc_tenant, rtc_app_name, rtc_app_version, error_type) (increase(rtc_api_errors_total{rtc_api_method="getUserMedia"}[30m])) >= {{ int64 (default 20 (index $.Values.prometheusRule.thresholds "capture_errors")) }}
        for: 30m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: app
        annotations:
          summary: Many users cannot use their camera or microphone
          description: '{{ "{{" }} $value | humanizePercentage }} of the getUserMedia calls of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} {{ "{{" }} $labels.rtc_app_version }} fail with {{ "{{" }} $labels.error_type }}. First look: did the application or a browser change how it asks?'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCCaptureErrors.md
          dashboard_url: http://localhost:3000/d/rtc-release?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&var-candidate={{ "{{" }} $labels.rtc_app_version | urlquery }}&from=now-3h&to=now
      - alert: RTCSignalingErrors
        expr: |-
          sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_api_errors_total{rtc_api_method=~"createOffer|createAnswer|setLocalDescription|setRemoteDescription|addIceCandidate"}[15m])) / sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_api_calls_total{rtc_api_method=~"createOffer|createAnswer|setLocalDescription|setRemoteDescription|addIceCandidate"}[15m])) > {{ (default 0.02 (index $.Values.prometheusRule.thresholds "signaling_share")) }}
          and
            sum by (rtc_tenant, rtc_app_name, rtc_app_version) (increase(rtc_api_errors_total{rtc_api_method=~"createOffer|createAnswer|setLocalDescription|setRemoteDescription|addIceCandidate"}[15m])) >= {{ int64 (default 10 (index $.Values.prometheusRule.thresholds "signaling_errors")) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: setup
          team: app
        annotations:
          summary: Negotiation of calls fails in the application
          description: '{{ "{{" }} $value | humanizePercentage }} of the negotiation calls of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} {{ "{{" }} $labels.rtc_app_version }} fail. First look: which call and which error, by release.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCSignalingErrors.md
          dashboard_url: http://localhost:3000/d/rtc-release?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&var-candidate={{ "{{" }} $labels.rtc_app_version | urlquery }}&from=now-3h&to=now
  - name: rtc.alerts.media
    interval: 30s
    rules:
      - alert: RTCInfrastructureIssues
        expr: |-
          sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="infrastructure",rtc_severity=~"warning|critical"}[15m]))
            / on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[15m])) > {{ (default 0.05 (index $.Values.prometheusRule.thresholds "issue_share_infrastructure")) }}
          and
            sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="infrastructure",rtc_severity=~"warning|critical"}[15m])) >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 900) 3) }}
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
        annotations:
          summary: Calls suffer, and the infrastructure is why
          description: 'For {{ "{{" }} $value | humanizePercentage }} of their time users of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} had the issue {{ "{{" }} $labels.rtc_issue }}, which is put down to the infrastructure. First look: the servers that the affected calls share.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCInfrastructureIssues.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCApplicationIssues
        expr: |-
          sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="application",rtc_severity=~"warning|critical"}[15m]))
            / on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[15m])) > {{ (default 0.05 (index $.Values.prometheusRule.thresholds "issue_share_application")) }}
          and
            sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="application",rtc_severity=~"warning|critical"}[15m])) >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 900) 3) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: app
        annotations:
          summary: Calls suffer, and the application is why
          description: 'For {{ "{{" }} $value | humanizePercentage }} of their time users of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} had the issue {{ "{{" }} $labels.rtc_issue }}, which is put down to the application. First look: the newest release, and what it does with tracks.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCApplicationIssues.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
      - alert: RTCNetworkIssues
        expr: |-
          sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="network",rtc_severity=~"warning|critical"}[15m]))
            / on (rtc_tenant, rtc_app_name) group_left () sum by (rtc_tenant, rtc_app_name) (increase(rtc_participant_quality_time_seconds_total[15m])) > {{ (default 0.25 (index $.Values.prometheusRule.thresholds "issue_share_network")) }}
          and
            sum by (rtc_tenant, rtc_app_name, rtc_side, rtc_issue) (increase(rtc_issue_time_seconds_total{rtc_side="network",rtc_severity=~"warning|critical"}[15m])) >= {{ int64 (div (mul (default 3 (index $.Values.prometheusRule.thresholds "affected")) 900) 3) }}
        for: 15m
        keep_firing_for: 5m
        labels:
          severity: warning
          component: media
          team: rtc
        annotations:
          summary: Calls suffer, and the network is why
          description: 'For {{ "{{" }} $value | humanizePercentage }} of their time users of {{ "{{" }} with $labels.rtc_app_name }}{{ "{{" }} . }}{{ "{{" }} else }}the application{{ "{{" }} end }}{{ "{{" }} with $labels.rtc_tenant }} of {{ "{{" }} . }}{{ "{{" }} end }} had the issue {{ "{{" }} $labels.rtc_issue }}, which is put down to the network. First look: which countries and networks, and whether the way to the servers is the same.'
          runbook_url: https://example.com/rtc-exporter/docs/runbooks/RTCNetworkIssues.md
          dashboard_url: http://localhost:3000/d/rtc-overview?var-tenant={{ "{{" }} $labels.rtc_tenant | urlquery }}&var-app={{ "{{" }} $labels.rtc_app_name | urlquery }}&from=now-3h&to=now
