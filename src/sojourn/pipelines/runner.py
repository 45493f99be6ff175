"""Runs one pipeline for one request, in memory, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.data.databases import Databases
from sojourn.engine.access import Access
from sojourn.engine.activity import ExecutionAborted
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.pipelines.deadlines import Overdue, within
from sojourn.pipelines.errors import OWN_ERRORS, ExecutionOver, error_message
from sojourn.pipelines.execution import Execution, Frame
from sojourn.pipelines.flow import run_flow
from sojourn.pipelines.local import LocalSession
from sojourn.pipelines.model import Plan
from sojourn.pipelines.replies import error_reply, normal_reply, timeout_reply
from sojourn.pipelines.request import PipelineReply, PipelineRequest, input_message
from sojourn.pipelines.session_powers import Caller, SessionPowers
from sojourn.scripting.service import Scripts

_logger = logging.getLogger("sojourn.pipelines")


class Runner:
    """Executes the plans of one engine."""

    def __init__(self, rules: Rules, scripts: Scripts | None = None, databases: Databases | None = None) -> None:
        self._rules = rules
        self._scripts = scripts
        self._databases = databases

    async def run(  # noqa: PLR0917 - the gateway's findings, in the order in which it finds them
        self,
        plan: Plan,
        request: PipelineRequest,
        realm: Realm,
        access: Access | None,
        api_key: ApiKey | None,
        device: Device,
    ) -> PipelineReply:
        """The reply of ``plan`` to ``request``; the gateway has checked who may call it.

        In a stateful realm it waits for the turn of its session. What the flow does to itself is in the reply; after a
        timeout nothing of the execution acts any more. Raises ``InvalidJson`` before the flow for a JSON body that does
        not parse, what :meth:`Activity.run` raises, and what the engine raises when it refuses an act of the session
        (``SessionEnded``, ``StaleSession``, ``StoreBusy`` …) unless the flow catches it.
        """
        message: Json = input_message(request, parse_json=plan.trigger.type == "rest")
        caller = Caller(realm, access, api_key, device)
        powers = SessionPowers(self._rules, plan.trigger, caller, self._scripts, self._databases)
        if access is None or access.transient is not None:
            # Without a record there is nothing to take turns at.
            return await self._run(plan, request.execution_key, powers, message)
        try:
            return await self._take_turn(plan, request.execution_key, powers, message, access)
        except ExecutionAborted:
            await _discard(powers)
            # Where the session has ended, that is what its client is told.
            await self._rules.sessions.check(access)
            raise

    async def _take_turn(
        self, plan: Plan, key: str, powers: SessionPowers, message: Json, access: Access
    ) -> PipelineReply:
        activity, what = self._rules.activity, f"pipeline {plan.name}"
        async with activity.run(access.session, chain=key, exclusive=access.realm.stateful, what=what) as turn:
            if turn.waited:
                await self._rules.sessions.check(access)
            return await self._run(plan, key, powers, message)

    async def _run(self, plan: Plan, key: str, powers: SessionPowers, message: Json) -> PipelineReply:
        execution = self._execution(plan, key, powers)
        flow = run_flow(plan.flow, Frame(execution, LocalSession()), message)
        try:
            # A step that still waits when the time is up is broken off.
            message = await (within(plan.trigger.timeout / 1_000, flow) if plan.waits else flow)
            execution.check()
            return normal_reply(plan, execution, message)
        except (ExecutionOver, Overdue):
            _logger.warning("pipeline %s took too long", plan.name, extra={"executionKey": execution.key})
            await _discard(powers)
            return timeout_reply(plan, execution.key)
        except OWN_ERRORS as error:
            await _discard(powers)
            return error_reply(plan, execution, error_message(error, execution.now()))
        except SojournError:
            await _discard(powers)
            raise

    def _execution(self, plan: Plan, key: str, powers: SessionPowers) -> Execution:
        clock = self._rules.clock
        return Execution(
            key=key,
            pipeline=plan.name,
            powers=powers,
            clock=clock,
            time=asyncio.get_running_loop().time,
            timeout=plan.trigger.timeout,
            globals_=powers.caller.realm.globals,
            metadata=metadata(plan, key, clock.now(), "prod"),
            claims=powers.claims,
        )


def metadata(plan: Plan, key: str, start: int, environment: str) -> Mapping[str, Json]:
    """The scope ``metadata`` of one execution."""
    return {
        "pipeline": plan.metadata,
        "runtime": {"environment": environment},
        "execution": {
            "key": key,
            "timeout": plan.trigger.timeout,
            "startTimestamp": start,
            "redelivery": False,
        },
    }


async def _discard(powers: SessionPowers) -> None:
    """A token that is not handed out opens nothing; where its session cannot be ended now, it has no handle anyway."""
    with contextlib.suppress(SojournError):
        await powers.discard()
