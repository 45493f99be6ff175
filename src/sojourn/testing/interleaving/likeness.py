"""Whether two stores answered alike, as far as an answer is not chance."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.errors import SessionEnded, SojournError
from sojourn.model.field import Changed
from sojourn.model.session import Loaded, Session
from sojourn.stores.base import Ended, SessionLimit, Swept
from sojourn.testing.interleaving.history import History


def differences(history: History, wanted: History) -> Sequence[str]:
    """The acts of one order that were answered otherwise than in ``wanted``, which had the same steps."""
    return [
        f"{act.client}: {act.asked.what} was answered {_shape(history, act.answer)}, should be {_shape(wanted, good.answer)}"
        for act, good in zip(history.acts, wanted.acts, strict=True)
        if act.asked.what != "sweep" and _shape(history, act.answer) != _shape(wanted, good.answer)
    ]


def _shape(history: History, answer: object) -> object:
    shape = answer
    match answer:
        case SessionLimit():
            shape = answer.code, sorted(history.name(session.id) for session in answer.live)
        case SessionEnded():
            shape = answer.code, answer.reason, answer.at
        case SojournError():
            shape = answer.code, vars(answer)
        case Loaded():
            shape = _shape(history, answer.session), dict(answer.fields)
        case Session():
            kind = answer.identity.kind
            shape = history.name(answer.id), answer.epoch, answer.version, answer.last, answer.idle, kind
        case Changed():
            shape = answer.version, dict(answer.values)
        case Ended() | Swept():
            pass
        case list() | tuple():
            # Sessions of one instant are in the order of their ids, which are chance.
            shape = sorted(str(_shape(history, one)) for one in answer)
    return shape
