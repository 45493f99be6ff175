"""Handles that are texts: JWTs, refresh tokens, AuthTokens, session tokens; each leads to the one check."""
