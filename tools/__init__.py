"""
What makes the files in ``alerts/`` and ``docs/runbooks``, and the simulated store that they are tried on.

Not part of the program: nothing here is installed.  ``queries``, ``slos`` and ``limits`` are what alerts and
dashboards share: a query, an objective and a number each stand in one place.
"""
