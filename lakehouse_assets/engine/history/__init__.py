"""What a table's own history says: positions, the ledger in its commits, provenance."""
