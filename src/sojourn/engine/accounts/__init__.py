"""Accounts, groups and roles, and what was granted to them."""
