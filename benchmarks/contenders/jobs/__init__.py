"""The programs of the other contenders, each a process of its own."""
