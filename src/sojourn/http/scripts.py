"""Routes of scripts: who may call, as whom the script runs, and what becomes of its answer.

The first check that fails answers: route, method, origin, size, handle, scope, body.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sojourn.core.errors import InsufficientScope, NotFound, Unauthorized
from sojourn.engine.rules import Rules
from sojourn.http import cors, handles
from sojourn.http.body import check_announced, has_body, read_body
from sojourn.http.call import Call
from sojourn.http.cookies import is_ours
from sojourn.http.crosssite import media_type
from sojourn.http.errors import MethodNotAllowed
from sojourn.http.greeting import Greeter
from sojourn.http.opening import Opener
from sojourn.http.replies import Reply
from sojourn.http.script_replies import expected, failure_reply, script_reply
from sojourn.http.script_visitor import Visitor
from sojourn.http.seen import seen_headers, seen_query_string
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptChain
from sojourn.scripting.errors import ScriptFailed, ScriptUnknown
from sojourn.scripting.exchange import Exchange, Peer, ScriptRequest
from sojourn.scripting.execution import Held
from sojourn.scripting.files import Source
from sojourn.scripting.order import Order, Trace
from sojourn.scripting.response import ResponseStopped, ScriptResponse
from sojourn.scripting.routes.model import RouteDef
from sojourn.scripting.routes.table import Found, Match, RouteTable
from sojourn.scripting.runtime import Module, Script
from sojourn.scripting.service import Scripts
from sojourn.scripting.values import UNDEFINED, Value

_log = logging.getLogger("sojourn.routes")

_LONGEST_TEXT = 4_000
_FORM = b"application/x-www-form-urlencoded"
#: What calls a controller, in the prelude.
_CALLER = "@nginstack/engine/lib/router/callController"


class ScriptRoutes:
    """Answers the paths of ``routes/*.yaml``."""

    def __init__(self, rules: Rules, scripts: Scripts, routes: RouteTable, opener: Opener, greeter: Greeter) -> None:
        self.rules = rules
        self.scripts = scripts
        self.opener = opener
        self.greeter = greeter
        self._routes = routes

    def deploy(self, routes: RouteTable) -> None:
        """Answer with other routes from now on; requests under way keep what they began with."""
        self._routes = routes

    async def answer(self, call: Call) -> Reply | None:
        """The script's answer; None when the script has sent it before its end.

        Raises ``NotFound`` where no route is, and what refuses the request.
        """
        found = self._routes.find(call.path, call.method, call.arrival.host)
        first = next(iter(found.methods.values())) if found else None
        realm = self.rules.realms.get(first.realm) if first else None
        if found is None or realm is None:
            raise NotFound
        if found.match is not None and found.match.route.realm != realm.name:
            realm = self.rules.realms.get(found.match.route.realm)
            if realm is None:
                raise NotFound
        self.greeter.greet(call, realm)
        if found.match is None or cors.is_preflight(call):
            return _without_script(call, realm, found)
        return await _Serving(self, call, realm, found.match).answer()

    async def source(self, reference: str | int, realm: Realm) -> Source:
        """A script of a route; where it is gone, that is no fault of the client. Raises ``ScriptFailed``."""
        try:
            return await self.scripts.sources.find(reference, realm)
        except ScriptUnknown as error:
            raise ScriptFailed("ScriptUnknown", error.message) from error


def _without_script(call: Call, realm: Realm, found: Found) -> Reply:
    if cors.is_preflight(call):
        return cors.preflight(call, realm, found.methods)
    methods = {*found.methods, "OPTIONS"} | ({"HEAD"} if "GET" in found.methods else set())
    if call.method != "OPTIONS":
        raise MethodNotAllowed(sorted(methods))
    return Reply(204, b"", ((b"allow", ", ".join(sorted(methods)).encode()),))


class _Serving:
    """One request at one route."""

    def __init__(self, routes: ScriptRoutes, call: Call, realm: Realm, match: Match) -> None:
        self._routes = routes
        self._call = call
        self._realm = realm
        self._route = match.route
        self._texts = match.texts
        self._visitor = Visitor(routes.rules, routes.greeter.origins, routes.opener, call, realm)
        self._held: Held | None = None
        self._exchange: Exchange

    async def answer(self) -> Reply | None:
        """The answer; None when it is sent already."""
        call, route, realm = self._call, self._route, self._realm
        call.headers += cors.answer_headers(call, realm, route)
        cors.check_origin(call, route)
        if call.head.has(b"content-length"):
            await check_announced(call.receive, call.head, route.max_request_size)
        values = route.path.values(self._texts)
        named = (route.script, *route.before, *route.after)
        sources = [await self._routes.source(script, realm) for script in named]
        body = await self._open([source.text for source in sources])
        self._exchange = self._exchanged(body, values)
        reply = await self._executed(sources)
        return None if self._exchange.response.begun else reply

    # --- before ---

    async def _open(self, chain: ScriptChain) -> bytes:
        """Open the session, and read the body."""
        call, form, body = self._call, None, None
        if handles.takes_parameters(self._realm) and media_type(call.head) == _FORM and has_body(call.scope, call.head):
            body = await read_body(call.receive, self._route.max_request_size)
            form = handles.form_handle(body)
            body = handles.without_credentials(body)
        await self._visitor.open(self._route, chain, form)
        self._check_scope()
        if body is None and has_body(call.scope, call.head):
            body = await read_body(call.receive, self._route.max_request_size)
            # A client takes as long as it likes to send it: meanwhile others may have logged in, out, or ended the session.
            await self._visitor.session.check()
        return body or b""

    def _check_scope(self) -> None:
        access = self._visitor.session.access
        if self._route.scope is None or self._route.scope.admits(access.scope, access.held):
            return
        if access.kind == "anonymous":
            raise self._visitor.lost or Unauthorized
        raise InsufficientScope

    def _exchanged(self, body: bytes, values: Mapping[str, Value]) -> Exchange:
        call = self._call
        server, client = call.scope.get("server") or ("", 0), call.scope.get("client") or ("", 0)
        request = ScriptRequest(
            method=call.method,
            path=call.path,
            query=seen_query_string(call.query) if call.query else "",
            headers=seen_headers(call, consumed=self._visitor.consumed),
            body=body,
            path_params=values,
            host=call.arrival.host,
            https=call.arrival.https,
            https_here=call.scope.get("scheme") == "https",
            local=Peer(address=str(server[0]), port=server[1] or 0),
            remote=Peer(address=call.arrival.address, port=client[1] or 0),
            http_version=call.scope.get("http_version", "1.1"),
        )
        response = ScriptResponse(
            most=self._realm.config.script_output, https=call.arrival.https, ours=is_ours, deliver=self._deliver
        )
        response.take_handle = self._visitor.take_handle
        self._visitor.answered = lambda: response.begun
        return Exchange(request=request, response=response, may_hand_over=self._visitor.before_identity)

    # --- the script ---

    async def _executed(self, sources: Sequence[Source]) -> Reply:
        call, exchange = self._call, self._exchange
        order = Order(
            session=self._visitor.session,
            task=sources[0].uri,
            execution_key=call.execution_key,
            what=f"route {call.method} {self._route.path.text}",
            exchange=exchange,
            trace=Trace() if self._route.debug else None,
        )
        value: Value = UNDEFINED
        failure: ScriptFailed | None = None
        try:
            async with self._routes.scripts.hold(order) as held:
                value = await self._run(held, sources)
        except ScriptFailed as failed:
            failure = self._unless_stopped(failed, sources[0])
        finally:
            await self._visitor.settle()
            if not exchange.response.begun:
                self._hand_over()
        reply = self._reply(value) if failure is None else self._failed(failure, sources[0])
        if order.trace is not None:
            _tell(order, reply.status)
        return reply

    async def _run(self, held: Held, sources: Sequence[Source]) -> Value:
        run, route, (main, *others) = held.run, self._route, sources
        self._held = held
        run.scripts = tuple(source.uri for source in sources)
        run.runs(main.text)
        await run.check_scripts()
        run.record = self._visitor.record
        if held.renewed:
            self._call.headers += ((b"x-sojourn-environment", held.renewed.encode()),)
        before = len(route.before)
        for source in others[:before]:
            value = await held.execute(Module(source.uri, ""))
            if value != UNDEFINED:
                return value
        after = others[before:]
        value = await held.execute(_task(route, main, self._exchange.request.path_params), last=not after)
        for source in after:
            other = await held.execute(Module(source.uri, "", (value,)), last=source is after[-1])
            value = value if other == UNDEFINED else other
        run.kept.last_path = self._call.path
        return value

    # --- the answer ---

    async def _deliver(self, _response: ScriptResponse) -> None:
        self._hand_over()
        await self._call.deliver(self._reply(UNDEFINED))

    def _hand_over(self) -> None:
        ended = self._held is not None and self._held.run.ends_session and self._visitor.session.id != ""
        self._call.cookies += self._visitor.headers(ended=ended)
        if self._visitor.lost is not None:
            self._call.headers += ((b"x-sojourn-session", self._visitor.lost.code.encode()),)

    def _reply(self, value: Value) -> Reply:
        session = self._visitor.session
        personal = bool(session.id) or session.access.kind != "anonymous" or self._visitor.consumed
        return script_reply(value, self._exchange, html=self._route.html, personal=personal, realm=self._realm.name)

    def _unless_stopped(self, failure: ScriptFailed, source: Source) -> ScriptFailed | None:
        """None where the script has ended its answer itself: the answer stands, whatever it did after that."""
        if not self._exchange.response.stopped:
            return failure
        if failure.name != ResponseStopped.__name__:
            self._tell_failure(failure, source)
        return None

    def _failed(self, failure: ScriptFailed, source: Source) -> Reply:
        if not expected(failure):
            self._tell_failure(failure, source)
        return failure_reply(failure, self._exchange, self._call.execution_key, self._realm.name)

    def _tell_failure(self, failure: ScriptFailed, source: Source) -> None:
        key = self._call.execution_key
        text = f"{failure.name}: {failure.text}"[:_LONGEST_TEXT]
        calls = [line.strip() for line in failure.stack[:_LONGEST_TEXT].splitlines()]
        extra = {"executionKey": key}
        _log.warning("%s %s [%s]: %s", self._realm.name, source.uri, key, " < ".join([text, *calls]), extra=extra)


def _task(route: RouteDef, source: Source, values: Mapping[str, Value]) -> Script | Module:
    if route.action is None:
        return source.task
    return Module(_CALLER, "", (source.uri, route.action.name, list(route.action.arguments), dict(values)))


def _tell(order: Order, status: int) -> None:
    """Write what one run did into the log: no argument, no header and no body of it."""
    trace, extra = order.trace, {"executionKey": order.execution_key}
    assert trace is not None
    calls = ", ".join(f"{call.function} {call.took} us{f' {call.error}' if call.error else ''}" for call in trace.calls)
    _log.info("%s: %d, %d host calls: %s", order.what, status, trace.count, calls[:_LONGEST_TEXT], extra=extra)
