"""Benchmarks: every figure is a ratio to a peer or a primitive that was measured in the same run."""
