"""How rows are written: what a batch or a rebuild publishes, and how each layer commits."""
