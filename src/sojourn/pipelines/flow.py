"""The interpreter: a message goes through the steps of a flow."""

from __future__ import annotations

import logging
from functools import partial

from sojourn.core.errors import BadRequest, SojournError
from sojourn.core.json import Json
from sojourn.pipelines.component import Outcome, View
from sojourn.pipelines.errors import ExpressionFailed, StepFailed, error_message, failure_message, status_of
from sojourn.pipelines.execution import Execution, Frame
from sojourn.pipelines.model import Flow, Step

_logger = logging.getLogger("sojourn.pipelines.flow")


async def run_flow(flow: Flow, frame: Frame, message: Json) -> Json:
    """The message after the last step; raises what a step raised."""
    execution = frame.execution
    for step in flow:
        execution.enter_step()
        try:
            outcome = _outcome(step, execution, message)
            message = await _apply(outcome, frame) if outcome.effects else outcome.message
        except (StepFailed, BadRequest) as error:
            message = _failure(error, step)
        else:
            if outcome.enter:
                message = await _enter(step, outcome, frame, message)
        if execution.trace is not None:
            execution.trace(step.name, step.component.name, frame.depth, message)
    return message


async def _apply(outcome: Outcome, frame: Frame) -> Json:
    message = outcome.message
    for effect in outcome.effects:
        frame.execution.check()
        message = await effect.apply(frame, message)
    return message


def _outcome(step: Step, execution: Execution, message: Json) -> Outcome:
    bound = step.bound
    if step.conditions:
        scope = execution.scope(message)
        conditions = [partial(condition.holds, scope) for condition in step.conditions]
        return step.component.run(bound.params, message, View(execution.claims, bound.paths, conditions))
    params = bound.render(execution.scope(message)) if bound.templates else bound.params
    return step.component.run(params, message, View(execution.claims, bound.paths))


async def _enter(step: Step, outcome: Outcome, frame: Frame, message: Json) -> Json:
    """Go on in a subflow; an error in it starts the one that rescues."""
    inner = frame.invocation() if outcome.invocation else frame.branch()
    try:
        return await run_flow(step.flows[outcome.enter], inner, message)
    except SojournError as error:
        rescue = step.flows.get(outcome.rescue)
        if rescue is None:
            raise
        return await run_flow(rescue, inner, error_message(error, frame.execution.now()))


def _failure(error: StepFailed | BadRequest, step: Step) -> Json:
    """The message that ``error`` becomes; raises it where it ends the flow."""
    failure = _named(error, step)
    if step.fails:
        raise failure from error
    return failure_message(failure)


def _named(error: StepFailed | BadRequest, step: Step) -> StepFailed:
    """``error`` as it leaves ``step``: with the step's name."""
    kind = type(error) if isinstance(error, StepFailed) else StepFailed
    named = kind(f"step {step.name!r}: {error.message}", status_of(error))
    if kind is ExpressionFailed:
        _logger.warning("%s:%d: %s", step.file, step.line, named.message)
    return named
