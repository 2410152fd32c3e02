"""An independent reader: checks the tables against the manifest and imports nothing of the package."""
