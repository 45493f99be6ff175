"""The audit log: writing, asking, keeping."""
