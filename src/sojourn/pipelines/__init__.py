"""Pipelines: files that become immutable plans, and the runner that executes them for one request."""
