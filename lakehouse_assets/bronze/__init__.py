"""Bronze: source records as landed, append-only, replayable."""
