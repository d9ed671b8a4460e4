"""
The dashboards as code: ``python -m dashboards.src`` writes ``dashboards/*.json``, which is what users import.

``queries`` holds every query by name, ``promql`` and ``compare`` the forms that they are written in, ``judge`` every
colour, ``panels`` one function for each kind of panel, ``board`` what all dashboards share.  Each dashboard is a module
of its own that answers one question.  To add a panel, add its query to ``queries`` and one call to the module; its id
follows from its key, so it stays when panels move.
"""
