"""
What may become of things that the exporter counts about itself: closed label sets, known before anything happened.
"""

#: What becomes of a request of an operator, of a scrape, and of a configuration that is read again.
ADMIN_OUTCOMES = ("answered", "unauthorized", "limited")
SCRAPE_OUTCOMES = ("rendered", "shared", "cut")
CONFIG_FILES = ("settings", "web")
RELOAD_OUTCOMES = ("applied", "refused")
#: What is given up when memory runs short.
SHED = ("connection", "report", "heaviest")
#: What there may be no room in: see the settings ``limits.*``, and ``gate.UPLOADS``.
ROOMS = ("process", "tenant", "address", "participant", "requests", "rate", "bodies", "uploads")
#: What becomes of a batch of the engine, at an edge and at an aggregator; of a snapshot; and of a partition.
BATCH_OUTCOMES = ("stored", "refused", "failed", "too_large", "read", "repeated", "spoilt", "lost")
SNAPSHOT_OUTCOMES = ("saved", "failed", "restored", "begun_anew")
PARTITION_STATES = ("configured", "held", "shown")
#: What becomes of a finished span, and what OTLP carries.
SPAN_OUTCOMES = ("queued", "sampled_out", "over_budget")
SIGNAL_NAMES = ("traces", "metrics")
