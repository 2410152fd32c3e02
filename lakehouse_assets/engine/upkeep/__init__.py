"""What keeps tables, logs and Dagster's database small."""
