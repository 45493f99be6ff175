"""OpenID Connect as a relying party: the rules of the protocol, without accounts, sessions or stores.

Sources: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, Back-Channel Logout 1.0; RFC 7636 (PKCE), RFC 9207
(``iss`` in the answer), RFC 9700 (best practice).
"""
