"""Silver: typed, deduplicated, contract enforced, bad rows in quarantine."""
