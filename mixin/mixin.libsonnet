// Dashboards, alerts and recording rules for tools that read mixins (https://monitoring.mixins.dev).
//
// Nothing is written twice here: the dashboards are the files that Grafana imports, and rules.json has the groups of
// alerts/*.rules.yml in a form that every jsonnet can import.
local shipped = import 'rules.json';

// A document with one text in place of another in all its words; the usual case, in which both are the same, is cheap.
local told(document, before, after) =
  if before == after then document
  else if std.isString(document) then std.strReplace(document, before, after)
  else if std.isArray(document) then [told(each, before, after) for each in document]
  else if std.isObject(document) then { [name]: told(document[name], before, after) for name in std.objectFields(document) }
  else document;

local has(field, group) = std.length([rule for rule in group.rules if std.objectHas(rule, field)]) > 0;

{
  _config+:: {
    // Profile of the rules: 'standard', or 'small' for few users, with fewer windows and larger floors.
    profile: 'standard',
    // How Prometheus finds the exporters.
    rtcExporterSelector: shipped.selector,
    // Where the pages in docs/ are found, and where Grafana shows dashboards.
    docs: shipped.docs,
    grafana: shipped.grafana,
    grafanaDashboardFolder: 'RTC',
    // Names of alerts that are not wanted.
    disabledAlerts: [],
  },

  local config = self._config,

  local based(document) = told(told(document, shipped.docs, config.docs), shipped.grafana, config.grafana),

  // Recordings stay in the group of the alerts that read them: rules of a group run in order, groups beside each other.
  local groups = [
    group {
      rules: [
        rule { expr: std.strReplace(rule.expr, shipped.selector, config.rtcExporterSelector) }
        for rule in group.rules
        if !std.member(config.disabledAlerts, std.get(rule, 'alert', ''))
      ],
    }
    for group in based(shipped.profiles[config.profile])
  ],

  grafanaDashboardFolder:: config.grafanaDashboardFolder,

  grafanaDashboards+:: {
    'rtc-contact-centre.json': based(import '../dashboards/rtc-contact-centre.json'),
    'rtc-exporter.json': based(import '../dashboards/rtc-exporter.json'),
    'rtc-network.json': based(import '../dashboards/rtc-network.json'),
    'rtc-overview.json': based(import '../dashboards/rtc-overview.json'),
    'rtc-participant.json': based(import '../dashboards/rtc-participant.json'),
    'rtc-release.json': based(import '../dashboards/rtc-release.json'),
    'rtc-servers.json': based(import '../dashboards/rtc-servers.json'),
    'rtc-session.json': based(import '../dashboards/rtc-session.json'),
    'rtc-slo.json': based(import '../dashboards/rtc-slo.json'),
    'rtc-voice-agents.json': based(import '../dashboards/rtc-voice-agents.json'),
  },

  prometheusAlerts+:: { groups+: [group for group in groups if has('alert', group)] },

  // Groups that only record.
  prometheusRules+:: { groups+: [group for group in groups if !has('alert', group)] },
}
