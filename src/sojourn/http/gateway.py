"""The gateway of pipelines: who may call, who acts, and what the pipeline gets to see.

The first check that fails answers: route, method, size, API key, rate, handle, scope, content type, body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sojourn.core.errors import AmbiguousCredentials, InsufficientScope, Unauthorized
from sojourn.core.ids import secret_hash
from sojourn.engine.access import Access
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.engine.rules import Rules
from sojourn.http import gateway_replies as refusals
from sojourn.http import handles
from sojourn.http.body import check_announced, has_body, read_body
from sojourn.http.call import Call
from sojourn.http.crosssite import media_type
from sojourn.http.errors import UnsupportedMediaType
from sojourn.http.greeting import Greeter
from sojourn.http.opening import Opener
from sojourn.http.outgoing import pipeline_reply
from sojourn.http.replies import Reply
from sojourn.http.seen import seen_headers, seen_query
from sojourn.model.realm import Realm
from sojourn.pipelines.deployment import Deployment, Match
from sojourn.pipelines.model import Trigger
from sojourn.pipelines.request import PipelineRequest
from sojourn.pipelines.runner import Runner

PREFIX = "/pipeline/"

_TARGET = re.compile(r"/pipeline/([^/]+)/v(0|[1-9][0-9]{0,8})/(.+)", re.DOTALL)
_FORM = b"application/x-www-form-urlencoded"
_NO_QUERY: Mapping[str, str] = {}


class Gateway:
    """Answers ``ANY /pipeline/{realm}/v{major}/{name or route}``."""

    def __init__(self, rules: Rules, deployment: Deployment, runner: Runner, opener: Opener, greeter: Greeter) -> None:
        self._rules = rules
        self._deployment = deployment
        #: Pipelines by their whole path; only of paths without parameters, so there are few.
        self._found: dict[str, Match] = {}
        self._runner = runner
        self._opener = opener
        self._greeter = greeter

    def deploy(self, deployment: Deployment) -> None:
        """Answer with other pipelines from now on."""
        self._deployment = deployment
        self._found.clear()

    async def answer(self, call: Call) -> Reply:
        """The pipeline's reply; raises ``Refused`` and the errors of :mod:`sojourn.http.errors`."""
        match = self._find(call.path)
        realm = self._rules.realms.get(match.plan.realm) if match else None
        if match is None or realm is None or call.method not in match.plan.trigger.methods:
            return refusals.NO_ROUTE
        self._greeter.greet(call, realm)
        trigger, head = match.plan.trigger, call.head
        if head.has(b"content-length"):
            await check_announced(call.receive, head, trigger.max_request_size)
        consumer, access = await self._open(call, realm, match)
        if head.repeats and access is None and len(head.all(b"authorization")) > 1:
            raise AmbiguousCredentials
        body = await _body(call, realm, trigger, access) if has_body(call.scope, head) else b""
        request = _request(call, match, body, consumed=access is not None)
        if access is not None and trigger.touch and self._rules.sessions.touch_due(access):
            await self._rules.sessions.touch(access)
        reply = await self._runner.run(match.plan, request, realm, access, consumer, call.device)
        return pipeline_reply(reply, realm.name, personal=trigger.api_key or trigger.authenticates)

    def _find(self, path: str) -> Match | None:
        found = self._found.get(path)
        if found is not None:
            return found
        target = _TARGET.fullmatch(path)
        found = self._deployment.match(target[1], int(target[2]), target[3]) if target else None
        if found is not None and not found.path_params:
            self._found[path] = found
        return found

    async def _open(self, call: Call, realm: Realm, match: Match) -> tuple[ApiKey | None, Access | None]:
        trigger = match.plan.trigger
        if not (trigger.api_key or trigger.authenticates):
            return None, None
        if trigger.basic_auth:  # a password takes its time; what is asked for after it is asked anew
            consumer = await self._consumer(call, realm, match) if trigger.api_key else None
            return consumer, await self._access(call, realm, trigger)
        with self._rules.facts.arriving():
            consumer = await self._consumer(call, realm, match) if trigger.api_key else None
            return consumer, await self._access(call, realm, trigger) if trigger.authenticates else None

    async def _consumer(self, call: Call, realm: Realm, match: Match) -> ApiKey:
        text = handles.api_key(realm, call.head, call.query)
        if text is None:
            raise refusals.no_api_key(realm.name)
        facts = await self._rules.facts.current()
        key = await facts.api_key(realm, secret_hash(text))
        if key is None:
            raise refusals.bad_api_key(realm.name)
        if key.pipelines and match.plan.name not in key.pipelines:
            raise refusals.not_a_consumer()
        return key

    async def _access(self, call: Call, realm: Realm, trigger: Trigger) -> Access:
        try:
            shown = handles.shown(realm, call.head, call.query, https=call.arrival.https, basic=trigger.basic_auth)
            if shown.cookie.ambiguous:
                await self._opener.note_cookie(call, realm)
            if trigger.basic_auth:
                access = await self._opener.by_basic(call, realm, shown)
            else:
                access = await self._opener.by_token(call, realm, shown, trigger.bearers)
        except Unauthorized as error:
            if trigger.basic_auth:
                raise refusals.bad_password(error, realm.name) from None
            raise refusals.bad_handle(error, realm.name, call.execution_key) from None
        if access.kind not in trigger.principals:
            raise refusals.not_a_consumer()
        if not access.scope.issuperset(trigger.required_scopes):
            raise InsufficientScope
        return access


async def _body(call: Call, realm: Realm, trigger: Trigger, access: Access | None) -> bytes:
    kind, accepted = media_type(call.head), trigger.request_content_types
    if accepted and kind.decode("latin-1") not in accepted:
        raise UnsupportedMediaType
    body = await read_body(call.receive, trigger.max_request_size)
    if kind == _FORM and handles.takes_parameters(realm):
        if access is not None and handles.form_handles(body):
            raise AmbiguousCredentials
        body = handles.without_credentials(body)
    return body


def _request(call: Call, match: Match, body: bytes, *, consumed: bool) -> PipelineRequest:
    content_type = call.head.get(b"content-type")
    return PipelineRequest(
        call.method,
        call.path,
        match.path_params,
        seen_query(call.query) if call.query else _NO_QUERY,
        seen_headers(call, consumed=consumed),
        content_type.decode("latin-1") if content_type else "",
        body,
        call.arrival.address,
        call.execution_key,
    )
