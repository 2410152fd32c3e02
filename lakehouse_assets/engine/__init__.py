"""The machine room: Spark, Delta, Kafka and Dagster, and no table."""
