"""What the workloads share: sizes, rounds, what is sent, who watches, the oracle, results and their report."""
