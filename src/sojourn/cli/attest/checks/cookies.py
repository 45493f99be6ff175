"""Cookies [ASVS 3.3]."""

from __future__ import annotations

from sojourn.cli.attest.findings import NotApplicable, check, need
from sojourn.cli.attest.scene import Scene
from sojourn.cli.attest.visitor import Cookie

_PLAIN = "plain HTTP on loopback"
#: Octets of name and value.
_MOST = 4_096


async def _cookie(scene: Scene) -> Cookie:
    return (await scene.login()).cookie


@check("3.3.1", "Cookies have the Secure attribute and a prefixed name on HTTPS")
async def secure(scene: Scene) -> str:
    """The session cookie."""
    cookie = await _cookie(scene)
    if not scene.https:
        raise NotApplicable(_PLAIN)
    need("secure" in cookie.attributes, f"{cookie.name} lacks Secure")
    return f"{cookie.name}: Secure"


@check("3.3.2", "Cookies have a SameSite value that fits their purpose")
async def same_site(scene: Scene) -> str:
    """The session cookie."""
    cookie = await _cookie(scene)
    value = cookie.attributes.get("samesite", "")
    need(value in ("Lax", "Strict"), f"{cookie.name}: SameSite={value or 'absent'}")
    return f"{cookie.name}: SameSite={value}"


@check("3.3.3", "Cookies are bound to this host: __Host-, Path=/, no Domain")
async def host_only(scene: Scene) -> str:
    """The session cookie; its prefix on HTTPS only, because browsers take it nowhere else."""
    cookie = await _cookie(scene)
    need("domain" not in cookie.attributes, f"{cookie.name} has a Domain")
    need(cookie.attributes.get("path") == "/", f"{cookie.name} has another Path than /")
    need(not scene.https or cookie.name.startswith("__Host-"), f"{cookie.name} lacks the prefix __Host-")
    return f"{cookie.name}: Path=/, no Domain" + ("" if scene.https else f"; no prefix on {_PLAIN}")


@check("3.3.4", "Cookies that scripts need not read are HttpOnly")
async def http_only(scene: Scene) -> str:
    """Every cookie of a login."""
    found = (await scene.login()).answer.cookies
    for cookie in found:
        need("httponly" in cookie.attributes, f"{cookie.name} lacks HttpOnly")
    return ", ".join(f"{cookie.name}: HttpOnly" for cookie in found)


@check("3.3.5", "Name and value of a cookie have at most 4096 octets")
async def size(scene: Scene) -> str:
    """Every cookie of a login."""
    found = (await scene.login()).answer.cookies
    for cookie in found:
        need(cookie.size <= _MOST, f"{cookie.name} has {cookie.size} octets")
    return ", ".join(f"{cookie.name}: {cookie.size} octets" for cookie in found)
