"""Rules S1 and S2: a LOCAL field that is read but never stored before, or stored but never read or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sojourn.config.problems import Problem
from sojourn.pipelines.components.session_management import Kind, Operation, SessionManagement, field_names
from sojourn.pipelines.model import Flow, Plan, Step

#: A field in the LOCAL session it lives in: 0 for that of the execution, else the number of an invocation.
_Field = tuple[int, str]


#: What stores a field, and what does it without telling the message its value.
_STORING = frozenset({Operation.PUT, Operation.INCREMENT, Operation.APPEND, Operation.MERGE})
_SILENT = _STORING - {Operation.INCREMENT}


class _Use(NamedTuple):
    """One field of one session step."""

    step: Step
    operation: Operation
    field: _Field
    #: What may have been stored before.
    stored: frozenset[_Field]


def local_fields(plan: Plan) -> Iterator[Problem]:
    """The warnings S1 and S2; GLOBAL fields outlive the pipeline, so nothing is said of them."""
    uses = list(_Walk().flow(plan.flow, 1, set()))
    used = {use.field for use in uses if use.operation not in _SILENT}
    for use in uses:
        if use.operation is Operation.GET and use.field not in use.stored:
            yield _warning(use, "is read, but no step before stores it (S1)")
        if use.operation in _SILENT and use.field not in used:
            yield _warning(use, "is stored, but never read or deleted (S2)")


def _warning(use: _Use, message: str) -> Problem:
    text = f"step {use.step.name!r}: LOCAL field {use.field[1]!r} {message}"
    return Problem(use.step.file, use.step.line, text, "warning")


class _Walk:
    """Goes through the steps in the order in which they run."""

    def __init__(self) -> None:
        self._invocations = 1

    def flow(self, flow: Flow, invocation: int, stored: set[_Field]) -> Iterator[_Use]:
        """The uses in ``flow``; what it stores is added to ``stored``."""
        for step in flow:
            yield from _uses(step, invocation, stored)
            yield from self._subflows(step, invocation, stored)

    def _subflows(self, step: Step, invocation: int, stored: set[_Field]) -> Iterator[_Use]:
        if step.component.flows == "block":
            # What onProcess stores is there for onException and after the component, scoped fields only inside.
            self._invocations += 1
            number = self._invocations
            for flow in step.flows.values():
                yield from self.flow(flow, number, stored)
            return
        before = frozenset(stored)
        for flow in step.flows.values():
            # Only one of the tracks runs; after the choice any of them may have.
            track = set(before)
            yield from self.flow(flow, invocation, track)
            stored |= track


def _uses(step: Step, invocation: int, stored: set[_Field]) -> Iterator[_Use]:
    params = step.bound.params
    if not isinstance(params, SessionManagement) or params.session_type is Kind.GLOBAL:
        return
    fields = [(invocation if params.scoped else 0, name) for name in field_names(params.fields)]
    before = frozenset(stored)
    for field in fields:
        yield _Use(step, params.operation, field, before)
    if params.operation in _STORING:
        stored.update(fields)
