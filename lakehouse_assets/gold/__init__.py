"""Gold: answers to business questions, one row set a day."""
