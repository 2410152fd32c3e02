"""Warm workers: processes with everything imported that execute runs, and the pool that hands runs to them.

The pool and what it imports here know neither Dagster nor Spark: it is small, and starts in a tenth of a second.
"""
