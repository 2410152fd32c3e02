"""The embedded services: one file each, all with the same verbs; `stack.Stack` runs them together."""
