"""What people are shown: metadata, previews, plots, lineage, the catalog, rows."""
