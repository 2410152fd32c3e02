"""The demo: replays real retail transactions to Kafka and waits for the tables to catch up."""
