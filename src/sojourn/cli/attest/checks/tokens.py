"""Signed tokens [ASVS 9.1, 9.2]."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import Scene
from sojourn.core import json


def _coded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _part(value: Mapping[str, Any]) -> str:
    return _coded(json.encode(value))


def _claims(token: str) -> dict[str, Any]:
    return dict(json.decode(_decoded(token.split(".")[1])))


def _flipped(text: str) -> str:
    """``text`` with another letter at its first place."""
    return ("A" if text[0] != "A" else "B") + text[1:]


async def _refused(scene: Scene, tokens: Iterable[tuple[str, str]]) -> str:
    names = []
    for name, token in tokens:
        seen = await scene.who(("authorization", f"Bearer {token}"))
        need(seen.status == 401, f"{name}: {seen}")  # noqa: PLR2004 - the HTTP status is its own name
        names.append(name)
    return f"401 for {', '.join(names)}"


async def _good(scene: Scene) -> str:
    """A token that opens its session, so that what is refused is refused for what was changed."""
    token = (await scene.login()).token
    seen = await scene.who(("authorization", f"Bearer {token}"))
    need(seen.status == 200, f"the token of a login: {seen}")  # noqa: PLR2004
    return token


@check("9.1.1", "The signature of a token is checked, and its form is strict")
async def signature(scene: Scene) -> str:
    """Altered and misspelt tokens."""
    token = await _good(scene)
    head, payload, mark = token.split(".")
    richer = _part(_claims(token) | {"scopes": ["security.root"]})
    return await _refused(
        scene,
        [
            ("altered claims", f"{head}.{richer}.{mark}"),
            ("altered signature", f"{head}.{payload}.{_flipped(mark)}"),
            ("no signature", f"{head}.{payload}."),
            ("padding", f"{head}.{payload}.{mark}="),
            ("a fourth part", f"{token}.{mark}"),
            ("other last bits", token[:-1] + _neighbour(token[-1])),
            ("a blank", f"{head}. {payload}.{mark}"),
        ],
    )


def _neighbour(letter: str) -> str:
    """The letter that differs in the last bit: an octet string of this length has no use for it."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


@check("9.1.2", "Only the algorithm of the key is taken: no none, no confusion")
async def algorithms(scene: Scene) -> str:
    """Tokens that say none, and one that takes the public key for a password."""
    token = await _good(scene)
    head, payload, mark = token.split(".")
    header = dict(json.decode(_decoded(head)))
    found = [(f"alg {name}", f"{_part(header | {'alg': name})}.{payload}.") for name in ("none", "None", "NONE")]
    found.append(("alg none with a signature", f"{_part(header | {'alg': 'none'})}.{payload}.{mark}"))
    for key in (await scene.ask("GET", ".well-known/jwks.json")).json().get("keys", []):
        for secret in (_decoded(key.get("x", "")), json.encode(key)):
            forged = f"{_part(header | {'alg': 'HS256', 'kid': key.get('kid')})}.{payload}"
            found.append(("HS256 with the public key", f"{forged}.{_coded(_mac(secret, forged))}"))
    return await _refused(scene, found)


def _mac(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


@check("9.1.3", "No key comes from the token itself")
async def keys(scene: Scene) -> str:
    """A key of our own, embedded or referred to, with a signature that fits it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    token = await _good(scene)
    head, payload, _ = token.split(".")
    header = dict(json.decode(_decoded(head)))
    key = Ed25519PrivateKey.generate()
    public = {"kty": "OKP", "crv": "Ed25519", "x": _coded(key.public_key().public_bytes_raw())}
    where = f"{scene.visitor.origin}/realms/{scene.run.realm}/.well-known/jwks.json"
    more: dict[str, dict[str, Any]] = {
        "jwk": {"jwk": public},
        "jku": {"jku": where},
        "x5u": {"x5u": where},
        "x5c": {"x5c": [_coded(b"certificate")]},
        "another kid": {"kid": "../../dev/null"},
        "the kid of the realm": {},
    }
    found = []
    for name, members in more.items():
        signed = f"{_part(header | members)}.{payload}"
        found.append((name, f"{signed}.{_coded(key.sign(signed.encode()))}"))
    return await _refused(scene, found)


async def _changed(scene: Scene, *changes: str) -> str:
    token = await _good(scene)
    made = [(change, await scene.resigned(token, change)) for change in ("none", *changes)]
    control = await scene.who(("authorization", f"Bearer {made[0][1]}"))
    need(control.status == 200, f"a token signed again without a change: {control}")  # noqa: PLR2004
    return await _refused(scene, made[1:])


@check("9.2.1", "A token holds within its time only")
async def times(scene: Scene) -> str:
    """A token of yesterday, and one of tomorrow, signed by the realm's own key."""
    return await _changed(scene, "exp", "nbf")


@check("9.2.2", "A token is taken for its own purpose only")
async def purpose(scene: Scene) -> str:
    """A token of another type, signed by the realm's own key."""
    return await _changed(scene, "typ")


@check("9.2.3", "A token is taken by its own audience only")
async def audience(scene: Scene) -> str:
    """Tokens for somebody else, or from somebody else, signed by the realm's own key."""
    return await _changed(scene, "aud", "iss")


@check("9.2.4", "The audience of each realm is its own")
async def unique_audience(scene: Scene) -> str:
    """Tokens of two realms."""
    here, there = await scene.login(), await scene.login(realm=scene.run.other)
    ours, theirs = _claims(here.token).get("aud"), _claims(there.token).get("aud")
    need(bool(ours) and ours != theirs, f"both realms have the audience {ours}")
    return "two realms, two audiences"
