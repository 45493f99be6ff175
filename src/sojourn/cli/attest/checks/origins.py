"""Hosts, proxies, and what lies on this origin [ASVS 3.5.4, 4.1.3, 8.4.1]."""

from __future__ import annotations

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import OURS, Scene

#: What belongs to the origin of operators.
_OPERATORS = ("/api/v1/me", "/api/v1/sessions", "/api/openapi.json", "/console", "/metrics")

#: Reserved for documentation: nobody is there.
_NOBODY = "203.0.113.77"


@check("3.5.4", "The operators' application is on another host")
async def apart(scene: Scene) -> str:
    """Its paths are not found here."""
    for path in _OPERATORS:
        seen = await scene.visitor.ask("GET", path)
        need(seen.status == 404, f"{seen}")  # noqa: PLR2004 - the HTTP status is its own name
    return f"404 for {', '.join(_OPERATORS)}"


@check("4.1.3", "Who is not a listed proxy says nothing about the client")
async def proxies(scene: Scene) -> str:
    """Forwarding headers that a client makes up."""
    for name, value in (
        ("x-forwarded-for", _NOBODY),
        ("forwarded", f"for={_NOBODY};proto=https"),
    ):
        seen = await scene.ask("POST", "login", (name, value), value=_credentials(scene))
        if seen.status == 200:  # noqa: PLR2004 - the HTTP status is its own name
            mine = await scene.ask("GET", "sessions", ("authorization", f"Bearer {seen.member('token')}"))
            need(_NOBODY.encode() not in mine.body, f"{name}: {_NOBODY} is believed to be the client")
        else:
            need(seen.status in (400, 421), f"{name}: {seen}")
    for name in ("host", "x-forwarded-host"):
        seen = await scene.ask("GET", "session", (name, "evil.example"))
        need(seen.status in (400, 401, 404, 421) and b"evil.example" not in seen.body, f"{name}: {seen}")
    return "made up Forwarded, X-Forwarded-For and hosts are not believed"


@check("8.4.1", "A handle of another realm opens nothing")
async def tenants(scene: Scene) -> str:
    """Cookie and token of the other realm, as they are and under the names of this one."""
    there, here = await scene.login(realm=scene.run.other), await scene.login()
    renamed = ("cookie", f"{here.cookie.name}={there.cookie.value}")
    for name, shown in (("cookie", there.cookie.shown), ("renamed cookie", renamed), ("token", there.bearer)):
        seen = await scene.who(shown, OURS)
        need(seen.status == 401, f"{name}: {seen}")  # noqa: PLR2004
    return "cookie, renamed cookie and token of another realm: 401"


def _credentials(scene: Scene) -> dict[str, str]:
    return {"userName": "user", "password": scene.run.accounts["user"]}
