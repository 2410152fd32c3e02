"""The Dagster UI in a real browser: tests of what a person sees, and the pictures in the README."""
