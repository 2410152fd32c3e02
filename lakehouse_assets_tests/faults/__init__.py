"""The whole lakehouse with its daemon, killed at chosen instants."""
