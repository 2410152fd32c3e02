"""Alerts: told once when it starts and once when it is over, and nothing is lost."""
