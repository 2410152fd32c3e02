"""Benchmarks: `python -m benchmarks` runs the workloads against other contenders; see docs/decisions/0029."""
