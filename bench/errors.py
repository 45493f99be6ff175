"""What can go wrong in a benchmark."""

from __future__ import annotations


class BenchError(Exception):
    """The run is not a measurement: a server did not start, or answered with errors."""


class PeerMissing(BenchError):
    """The peer cannot be had on this machine, so the row is not measured."""
