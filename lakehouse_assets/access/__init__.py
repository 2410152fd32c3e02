"""How every client signs in: at Kafka and at the store, wherever the settings say they are."""
