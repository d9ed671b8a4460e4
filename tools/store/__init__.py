"""
Hours of history that never were: recorded calls, played through the exporter's own pipeline at times of our choosing.

``cast`` turns recordings into records that can be played at any time, ``scenarios`` says who calls and what goes wrong,
``play`` runs the clock, ``blocks`` hands what came of it to a real Prometheus.
"""
