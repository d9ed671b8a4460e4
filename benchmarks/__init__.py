"""Programs that measure; each prints its figures beside a bare floor of the same run."""
