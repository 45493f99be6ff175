"""The engine as one plain ASGI application."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from sojourn.core.errors import NotFound, SessionUnknown, SojournError
from sojourn.engine.rules import Rules
from sojourn.http.affinity import ServerId
from sojourn.http.attesting import Attesting
from sojourn.http.call import Call
from sojourn.http.compression import compressed
from sojourn.http.endpoints import Endpoints
from sojourn.http.errors import ClientGone, Draining, MethodNotAllowed
from sojourn.http.gateway import PREFIX, Gateway
from sojourn.http.gateway_replies import Refused
from sojourn.http.greeting import Greeter
from sojourn.http.handles import takes_credentials_in_query
from sojourn.http.health import LIVE, Health
from sojourn.http.identities import OwnIdentities
from sojourn.http.inspecting import Inspecting
from sojourn.http.lifespan import answer_lifespan
from sojourn.http.oidc import ProviderEndpoints
from sojourn.http.opening import Opener
from sojourn.http.origin import Origins, unchecked
from sojourn.http.own_password import OwnPassword
from sojourn.http.own_sessions import OwnSessions
from sojourn.http.own_tokens import OwnTokens, token_key
from sojourn.http.refreshing import Refreshing
from sojourn.http.replies import Reply, error_reply, send_reply, with_cookies
from sojourn.http.scripts import ScriptRoutes
from sojourn.http.wire import Head, Receive, Scope, Send
from sojourn.model.realm import Realm
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.runner import Runner
from sojourn.scripting.routes.table import NO_ROUTES, RouteTable
from sojourn.scripting.service import Scripts

_REALMS = "/realms/"
_CREDENTIALS = frozenset({b"authorization", b"cookie", b"x-session-id"})
_READ = ("GET", "HEAD")
_PROVIDER = re.compile(r"oidc/([a-z0-9][a-z0-9_-]{0,59})/(login|callback|link|backchannel-logout)")
_UNLINK = re.compile(r"identities/([0-9]{1,18})/unlink")
_END_ONE = re.compile(r"sessions/([^/]+)/end", re.DOTALL)
_TOKEN = re.compile(r"tokens/([0-9]+)(/revoke)?")
#: Statuses that are a refusal of somebody, not of a mere slip.
_REFUSALS = frozenset({401, 403, 421})
_AMBIGUOUS = frozenset({"request.ambiguous_credentials", "request.untrusted_proxy"})

logger = logging.getLogger("sojourn.http")

Answer = Callable[[Call, Realm], Awaitable[Reply]]


class Application:
    """The application listener: pipelines, the endpoints of realms, health."""

    def __init__(
        self,
        rules: Rules,
        deployment: Deployment,
        runner: Runner,
        server_id: ServerId | None = None,
        *,
        scripts: Scripts,
        routes: RouteTable = NO_ROUTES,
    ) -> None:
        self._rules = rules
        #: The service of scripts.
        self.scripts = scripts
        self._origins = _origins(rules)
        #: The affinity of this run of the engine; give the same one to each of its processes.
        self.server_id = server_id or ServerId()
        opener = Opener(rules)
        self._greeter = Greeter(self._origins, self.server_id)
        self._gateway = Gateway(rules, deployment, runner, opener, self._greeter)
        self._scripts = ScriptRoutes(rules, scripts, routes, opener, self._greeter)
        self._endpoints = Endpoints(rules, self._origins, opener)
        self._own = OwnSessions(rules, opener)
        self._attesting = Attesting(rules, opener)
        own_password = OwnPassword(rules, self._endpoints, opener)
        self._identities = OwnIdentities(rules, opener)
        self._providers = ProviderEndpoints(rules, self._endpoints, opener)
        inspecting = Inspecting(rules)
        self._tokens = OwnTokens(rules, opener)
        self._paths: dict[str, tuple[tuple[str, ...], Answer]] = {
            "login": (("POST",), self._endpoints.login),
            "logout": (("POST",), self._endpoints.logout),
            "refresh": (("POST",), Refreshing(rules, opener).answer),
            "revoke": (("POST",), inspecting.revoke),
            "introspect": (("POST",), inspecting.introspect),
            "session": (_READ, self._endpoints.session),
            "sessions": (_READ, self._own.list),
            "attest": (("POST",), self._attesting.start),
            "attest/act": (("POST",), self._attesting.act),
            "attest/end": (("POST",), self._attesting.end),
            "password": (("POST",), own_password.change),
            "identities": (_READ, self._identities.list),
            "tokens": ((*_READ, "POST"), self._tokens_of_user),
            "password-reset": (("POST",), own_password.reset),
            "password-reset/confirm": (("POST",), own_password.confirm),
            ".well-known/jwks.json": (_READ, self._endpoints.keys),
        }
        self.health = Health(rules, lambda: scripts.sources.problems)
        #: Logins at the login endpoint by outcome.
        self.logins = self._endpoints.logins
        #: How many answers had which status.
        self.answered: Counter[int] = Counter()

    def deploy(self, deployment: Deployment, routes: RouteTable | None = None) -> None:
        """Answer with these pipelines and routes (None = as they are), and the realms as they are now.

        Requests under way keep what they began with.
        """
        self._gateway.deploy(deployment)
        if routes is not None:
            self._scripts.deploy(routes)
        self._origins = self._endpoints.origins = self._greeter.origins = _origins(self._rules)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await _not_http(scope, receive, send)
            return
        head = Head(scope["headers"])
        try:
            arrival = self._origins.arrival(scope, head)
        except SojournError as error:
            call = Call(scope, receive, head, unchecked(scope))
            reply: Reply | None = await self._refusal(call, error)
        else:
            call = Call(scope, receive, head, arrival)
            call.deliver = partial(self._send, call, send)
            reply = await self._reply(call)
        if call.client.ambiguous and call.realm is not None:
            await self._rules.audit.refused("cookie.ambiguous", call.arrival.address, realm=call.realm.id)
        if reply is not None:
            await self._send(call, send, reply)

    async def _send(self, call: Call, send: Send, reply: Reply) -> None:
        if call.delivered:
            return
        call.delivered = True
        if call.headers:
            reply = reply._replace(headers=(*reply.headers, *call.headers))
        if call.cookies:
            reply = with_cookies(reply, call.cookies)
        if reply.pack or (call.realm is not None and call.realm.config.http_compression_enabled):
            reply = await self._packed(call, reply)
        self.answered[reply.status] += 1
        secret_url = call.realm is not None and takes_credentials_in_query(call.realm)
        await send_reply(call.scope, send, reply, https=call.arrival.https, secret_url=secret_url)

    @staticmethod
    async def _packed(call: Call, reply: Reply) -> Reply:
        return reply if call.path.startswith(_REALMS) else await compressed(call, reply)

    async def _reply(self, call: Call) -> Reply | None:
        """The answer; None when the client has left, and when it has its answer."""
        try:
            if call.path.startswith(PREFIX):
                return await self._gateway.answer(call)
            return await self._elsewhere(call)
        except (Refused, SojournError) as error:
            return await self._refusal(call, error)
        except ClientGone:
            return None
        except asyncio.CancelledError:
            if not self.health.draining:
                raise
            return error_reply(Draining(), call.execution_key)
        except Exception:
            # The last line of defence: the client learns nothing but the name of the execution.
            logger.exception("unhandled error", extra={"executionKey": call.execution_key})
            return error_reply(SojournError(), call.execution_key)

    async def _elsewhere(self, call: Call) -> Reply | None:
        if call.path.startswith(_REALMS):
            return await self._realm(call)
        if call.path == "/health/live":
            _allow(call, _READ)
            return LIVE
        if call.path == "/health/ready":
            _allow(call, _READ)
            return await self.health.public()
        return await self._scripts.answer(call)

    async def _realm(self, call: Call) -> Reply:
        name, _, rest = call.path[len(_REALMS) :].partition("/")
        found = self._paths.get(rest) or self._through_provider(rest) or self._own_token(rest)
        methods, answer = found or self._own_session(rest)
        realm = self._rules.realms.get(name) or await self._attesting.find(call, name)
        if realm is None:
            # The handle of a realm that was removed is a handle that opens nothing.
            raise SessionUnknown if call.head.has_any(_CREDENTIALS) and rest != "login" else NotFound
        self._greeter.greet(call, realm)
        _allow(call, methods)
        return await answer(call, realm)

    def _through_provider(self, rest: str) -> tuple[tuple[str, ...], Answer] | None:
        """The answer to ``oidc/{provider}/…`` and ``identities/{key}/unlink``; None for every other path."""
        found, unlinked = _PROVIDER.fullmatch(rest), _UNLINK.fullmatch(rest)
        if unlinked is not None:
            return ("POST",), lambda call, realm: self._identities.unlink(call, realm, int(unlinked[1]))
        if found is None:
            return None
        method, answer = {
            "login": ("GET", self._providers.login),
            "callback": ("GET", self._providers.callback),
            "link": ("POST", self._providers.link),
            "backchannel-logout": ("POST", self._providers.backchannel_logout),
        }[found[2]]
        return (method,), lambda call, realm: answer(call, realm, found[1])

    def _tokens_of_user(self, call: Call, realm: Realm) -> Awaitable[Reply]:
        return self._tokens.authorize(call, realm) if call.method == "POST" else self._tokens.list(call, realm)

    def _own_token(self, rest: str) -> tuple[tuple[str, ...], Answer] | None:
        """The answer to ``tokens/{key}`` and ``tokens/{key}/revoke``; None for every other path."""
        found = _TOKEN.fullmatch(rest)
        if found is None:
            return None
        key, act = token_key(found[1]), self._tokens.revoke if found[2] else self._tokens.update

        def change(call: Call, realm: Realm) -> Awaitable[Reply]:
            return act(call, realm, key)

        return ("POST",), change

    def _own_session(self, rest: str) -> tuple[tuple[str, ...], Answer]:
        """The answer to ``sessions/{id}/end``; raises ``NotFound`` for every other path."""
        found = _END_ONE.fullmatch(rest)
        if found is None:
            raise NotFound

        def end(call: Call, realm: Realm) -> Awaitable[Reply]:
            return self._own.end(call, realm, found[1])

        return ("POST",), end

    async def _refusal(self, call: Call, error: Refused | SojournError) -> Reply:
        realm_id, realm_name = (call.realm.id, call.realm.name) if call.realm else ("", "")
        if isinstance(error, Refused):
            await self._rules.audit.refused(error.cause, call.arrival.address, realm=realm_id)
            return error.reply
        if error.status in _REFUSALS or error.code in _AMBIGUOUS:
            await self._rules.audit.refused(error.code, call.arrival.address, realm=realm_id)
        elif error.status >= 500:  # noqa: PLR2004 - the HTTP status is its own name
            logger.warning("%s: %s", error.code, error.message, extra={"executionKey": call.execution_key})
        return error_reply(error, call.execution_key, realm_name)


async def _not_http(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await answer_lifespan(receive, send)
    elif scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


def _origins(rules: Rules) -> Origins:
    hosts = [host for realm in rules.realms.all() for host in realm.config.hosts or ()]
    return Origins(rules.settings.server.public_url, rules.settings.server.trusted_proxies, hosts)


def _allow(call: Call, methods: tuple[str, ...]) -> None:
    if call.method not in methods:
        raise MethodNotAllowed(methods)
