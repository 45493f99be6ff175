"""The realms of a run, and what every check needs of them: to log in, to ask who it is, to show a handle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from sojourn.cli.attest.findings import Failed, NotApplicable
from sojourn.cli.attest.visitor import Cookie, Pair, Seen, Visitor

#: What a browser says of a request of our own pages.
OURS: Pair = ("sec-fetch-site", "same-origin")

#: How often, and after how many seconds, a login is tried again for which there was no room.
_TRIES, _PAUSE = 5, 1.0


class Told(NamedTuple):
    """A run as the engine tells it, see :class:`sojourn.engine.attest.Run`."""

    realm: str
    other: str
    brief: str
    secret: str
    accounts: Mapping[str, str]
    other_password: str

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Told:
        """From the answer of the engine."""
        return cls(
            value["realm"],
            value["other"],
            value["brief"],
            value["secret"],
            dict(value["accounts"]),
            value["otherPassword"],
        )


class In(NamedTuple):
    """Somebody who has logged in."""

    realm: str
    cookie: Cookie
    token: str
    sid: str
    answer: Seen

    @property
    def bearer(self) -> Pair:
        """The header that shows the token."""
        return ("authorization", f"Bearer {self.token}")


class Scene:
    """What the checks look at."""

    def __init__(self, visitor: Visitor, run: Told) -> None:
        self.visitor = visitor
        self.run = run
        visitor.hide(run.secret, run.other_password, *run.accounts.values())

    @property
    def https(self) -> bool:
        """Whether the origin is one of HTTPS."""
        return self.visitor.https

    async def ask(
        self, method: str, path: str, *headers: Pair, realm: str = "", value: Any = None, body: bytes | None = None
    ) -> Seen:
        """Ask an endpoint of a realm of the run: ``session``, ``login`` …"""
        whole = f"/realms/{realm or self.run.realm}/{path}"
        return await self.visitor.ask(
            method, whole, ("sojourn-attest", self.run.secret), *headers, value=value, body=body
        )

    async def login(self, user: str = "user", *headers: Pair, realm: str = "") -> In:
        """Log in; raises :class:`Failed` when that is refused."""
        realm = realm or self.run.realm
        password = self.run.other_password if realm == self.run.other else self.run.accounts[user]
        value = {"userName": user, "password": password}
        seen = await self.ask("POST", "login", *headers, realm=realm, value=value)
        for _ in range(_TRIES):
            if seen.status != 503:  # noqa: PLR2004 - the HTTP status is its own name
                break
            # Others log in too: what is examined is not how busy it is.
            await asyncio.sleep(_PAUSE)
            seen = await self.ask("POST", "login", *headers, realm=realm, value=value)
        cookie = session_cookie(seen)
        if seen.status != 200 or cookie is None:  # noqa: PLR2004 - the HTTP status is its own name
            raise Failed(f"the login with the right password: {seen}")
        return In(realm, cookie, seen.member("token"), seen.member("sessionId"), seen)

    async def who(self, *shown: Pair, realm: str = "") -> Seen:
        """Ask whose session a handle opens."""
        return await self.ask("GET", "session", *shown, realm=realm)

    async def resigned(self, token: str, change: str) -> str:
        """The token with one thing changed, signed again by the key of its realm."""
        seen = await self.ask("POST", "attest/act", value={"act": "resign", "token": token, "change": change})
        made = seen.member("token")
        if not made:
            raise NotApplicable(f"the engine made no such token: {seen}")
        return made

    async def act(self, what: str, user: str) -> None:
        """Let the engine do what an operator does: ``disable`` an account, or ``end`` its sessions."""
        seen = await self.ask("POST", "attest/act", value={"act": what, "userName": user})
        if seen.status != 200:  # noqa: PLR2004
            raise Failed(f"the act of an operator: {seen}")


def session_cookie(seen: Seen) -> Cookie | None:
    """The session cookie that an answer sets."""
    for cookie in seen.cookies:
        if cookie.name.removeprefix("__Host-").startswith("sojourn_sid.") and not cookie.expires_at_once:
            return cookie
    return None
