"""A lakehouse in which every bronze, silver and gold table is a Dagster asset."""
