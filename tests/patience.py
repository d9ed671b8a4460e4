"""How long tests wait for what is about to happen, in seconds."""

#: Longer than anything takes, on a machine that others use too; a test that waits so long has failed.
PATIENCE = 60.0
