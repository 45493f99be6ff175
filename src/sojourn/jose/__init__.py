"""Verification of signed tokens for anyone who holds the keys, by the rules of the engine and no laxer ones."""

from sojourn.core.errors import TokenRefused
from sojourn.identity.jwk import MAX_RSA_BITS, MIN_HMAC_BITS, MIN_RSA_BITS
from sojourn.jose.tokens import MAX_FOREIGN_TOKEN, claims, verify

__all__ = ["MAX_FOREIGN_TOKEN", "MAX_RSA_BITS", "MIN_HMAC_BITS", "MIN_RSA_BITS", "TokenRefused", "claims", "verify"]
