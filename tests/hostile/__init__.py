"""
Programs that do to a running exporter what the world will do to it, and hold it to what it promises.

Each is run by ``tests/test_hostile_programs.py`` at a size for CI, and by hand, for longer: ``python -m
tests.hostile.drain --long``.  Each prints a ledger: what was sent, what the exporter counted and what it dropped by
reason, which must add up, and what else was promised.
"""
