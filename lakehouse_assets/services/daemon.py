"""Dagster's daemon, whose sensors tick again soon after a tick has ended: by itself it looks every five seconds."""

from __future__ import annotations

from dagster._daemon import sensor
from dagster._daemon.cli import main

LOOP_SECONDS = 0.5

if __name__ == "__main__":
    sensor.MIN_INTERVAL_LOOP_TIME = LOOP_SECONDS  # type: ignore[assignment]
    main()
