"""How Dagster runs it: assets, jobs, sensors, checks, backfills."""
