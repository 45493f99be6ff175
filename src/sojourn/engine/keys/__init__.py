"""Signing keys, API keys, and all that is sealed under the master key."""
