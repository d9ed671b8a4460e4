"""
Pictures of the dashboards from a simulated store: ``python -m tools.preview FOLDER``.

``served`` is a real Prometheus over a history, with what the rules record and what the alerts say; ``asked`` puts a
dashboard's queries to it as Grafana would; ``page.html`` draws the panels, and a headless Chromium takes the picture.
It is a drawing of the shipped JSON, not proof of how Grafana shows it.
"""
