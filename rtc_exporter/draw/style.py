"""Colours and letters of the pictures, in light and in dark; the page's own style comes beside it."""

#: Against the background of either theme, letters have a contrast of at least 4.5 and lines and bars of at least 3
#: (WCAG 2.2, 1.4.3 and 1.4.11).  Hues are those that most eyes tell apart (Okabe and Ito), and each is a word too.
STYLE = """\
:root{color-scheme:light dark;--back:#fff;--front:#1b1f24;--soft:#57606a;--rule:#d0d7de;--card:#f6f8fa;--link:#0550ae;
--good:#2f8132;--fair:#8a7000;--poor:#bc4c00;--bad:#cf222e;--none:#6e7781;--info:#57606a;--warning:#bc4c00;
--critical:#cf222e;--line0:#0550ae;--line1:#a0401c;--line2:#2f7a36;--line3:#8250df}
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--front:#e6edf3;--soft:#9aa4ae;--rule:#30363d;--card:#161b22;
--link:#79b8ff;--good:#3fb950;--fair:#d2a800;--poor:#f0883e;--bad:#ff6b63;--none:#8b949e;--info:#9aa4ae;
--warning:#f0883e;--critical:#ff6b63;--line0:#79b8ff;--line1:#ffa657;--line2:#7ee787;--line3:#d2a8ff}}
svg{display:block;overflow:visible}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
svg .words{font-size:12px;fill:var(--front)}svg .grid{stroke:var(--rule)}svg .axis{stroke:var(--soft)}
svg .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke:var(--line0)}
svg .line-1{stroke:var(--line1);stroke-dasharray:6 3}svg .line-2{stroke:var(--line2);stroke-dasharray:2 3}
svg .line-3{stroke:var(--line3);stroke-dasharray:9 3 2 3}
svg .band{opacity:.16}svg .info{fill:var(--info)}svg .warning{fill:var(--warning)}svg .critical{fill:var(--critical)}
svg .mark{stroke:var(--soft);stroke-dasharray:2 3}svg .mark-head{fill:var(--front)}
svg .track{fill:var(--rule);opacity:.4}svg a:focus-visible rect{stroke:var(--front);stroke-width:2}
.class-good{fill:var(--good)}.class-fair{fill:var(--fair)}.class-poor{fill:var(--poor)}.class-bad{fill:var(--bad)}
.class-unclassified{fill:var(--none)}
.chart{margin:0}.chart figcaption{display:flex;flex-wrap:wrap;gap:0 .9em;margin-bottom:.3em;font-size:.85rem}
.chart .key{display:inline-flex;align-items:center;gap:.3em;color:var(--soft)}
@media(forced-colors:active){svg .line{stroke:CanvasText}svg rect{forced-color-adjust:none}}
@media print{svg rect,svg path{print-color-adjust:exact}}
"""
