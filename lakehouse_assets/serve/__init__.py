"""Serve: views over gold, combined when they are read."""
