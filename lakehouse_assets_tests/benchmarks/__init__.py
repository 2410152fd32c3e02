"""Of the benchmarks: that what they measure with is right, and that each workload runs."""
