"""Who is measured: ours, and other ways to the same tables."""
