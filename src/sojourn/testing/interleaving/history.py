"""What the clients asked and what they were answered, in the order of a clock that ticks at every begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sojourn.core.errors import SojournError
from sojourn.model.field import Changed, Op
from sojourn.model.session import Loaded, Rotation, Session
from sojourn.stores.base import Ended, SessionLimit, Swept


class Asked(NamedTuple):
    """An act and the arguments that matter to whoever judges it."""

    what: str
    realm: str = ""
    sid: str = ""
    epoch: int | None = None
    now: int = 0
    ops: Sequence[Op] = ()
    idle: int | None = None
    to: Rotation | None = None
    most: int | None = None
    #: Owner of a list or of a new session, principal of a bag.
    owner: str | None = None
    #: What a new session begins with.
    made: Loaded | None = None


class Act(NamedTuple):
    """One act: ``begun`` and ``done`` are ticks."""

    client: str
    asked: Asked
    begun: int
    done: int
    #: What the store answered, or the error that it refused with.
    answer: object

    @property
    def refused(self) -> bool:
        """Whether the store refused."""
        return isinstance(self.answer, SojournError)

    def reached(self, sid: str) -> bool:
        """Whether it showed or changed session ``sid``, alive."""
        match self.answer:
            case Loaded() | Session() | Changed():
                return self.asked.sid == sid
            case Ended():
                return self.asked.sid == sid and self.answer.now
            case list() | tuple():
                return any(isinstance(session, Session) and session.id == sid for session in self.answer)
        return False

    def before(self, other: Act) -> bool:
        """Whether it was answered before ``other`` was asked."""
        return self.done < other.begun


class History:
    """The acts of one order, as they were done."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        #: The latest of the times that were handed in.
        self.latest = 0
        self._about: dict[str, list[Act]] = {}
        self._tick = 0
        self._names: dict[str, str] = {}

    def tick(self) -> int:
        """The next instant."""
        self._tick += 1
        return self._tick

    def add(self, act: Act) -> None:
        """Write it down."""
        self.acts.append(act)
        self.latest = max(self.latest, act.asked.now)
        if act.asked.sid:
            self.name(act.asked.sid)
            self._about.setdefault(act.asked.sid, []).append(act)
        elif isinstance(act.answer, list):
            for session in act.answer:
                self._about.setdefault(session.id, []).append(act)

    def of(self, what: str = "", sid: str | None = None) -> list[Act]:
        """The acts ``what`` (all = empty) on session ``sid`` (all = None)."""
        acts = self.acts if sid is None else self.about(sid)
        return [act for act in acts if what in ("", act.asked.what) and sid in (None, act.asked.sid)]

    def about(self, sid: str) -> Sequence[Act]:
        """The acts on session ``sid``, and the lists that it stands in."""
        return self._about.get(sid, ())

    def made(self) -> dict[str, Loaded]:
        """The sessions whose creation was acknowledged, as they began."""
        made = {act.asked.sid: act.asked.made for act in self.of("create") if not act.refused}
        return {sid: loaded for sid, loaded in made.items() if loaded}

    def sids(self) -> list[str]:
        """The sessions that were acted on."""
        return list(dict.fromkeys(act.asked.sid for act in self.acts if act.asked.sid))

    def name(self, sid: str) -> str:
        """A short name of a session: s1, s2 …"""
        return self._names.setdefault(sid, f"s{len(self._names) + 1}")

    def text(self) -> str:
        """To be read by people: one line for each act, with its ticks where acts overlap."""
        overlap = any(not first.before(second) for first, second in zip(self.acts, self.acts[1:], strict=False))
        return "\n".join(self._line(number, act, overlap=overlap) for number, act in enumerate(self.acts, 1))

    def _line(self, number: int, act: Act, *, overlap: bool) -> str:
        asked = act.asked
        words = [f"[{act.begun}-{act.done}]" if overlap else f"{number}.", f"{act.client}:", asked.what]
        words += [self.name(asked.sid)] if asked.sid else []
        words += [f"epoch {asked.epoch}"] if asked.epoch is not None else []
        words += [
            f"{op.kind} {op.name} {op.text}{f' at version {op.version}' * (op.kind == 'put_if')}" for op in asked.ops
        ]
        words += [f"idle {asked.idle}"] if asked.idle is not None else []
        words += [f"most {asked.most}"] if asked.most is not None else []
        return "  " + " ".join(words) + f" at …{asked.now % 100_000} -> {self._answer(act.answer)}"

    def _answer(self, answer: object) -> str:
        text = "done" if answer is None else str(answer)
        match answer:
            case SessionLimit():
                text = f"session.limit, live: {', '.join(self.name(session.id) for session in answer.live)}"
            case SojournError():
                text = " ".join([answer.code, *(f"{key}={value}" for key, value in vars(answer).items() if value)])
            case Loaded():
                fields = ", ".join(f"{name}={field.text}@{field.version}" for name, field in answer.fields.items())
                text = f"{self._answer(answer.session)} {{{fields}}}"
            case Session():
                text = f"{self.name(answer.id)} epoch {answer.epoch} version {answer.version}"
            case Changed():
                text = f"version {answer.version}"
            case Ended():
                text = f"{'ended now' if answer.now else 'was ended'}: {answer.end.reason}"
            case Swept():
                text = f"{answer.handled} handled"
            case list() | tuple():
                text = f"[{', '.join(map(self._answer, answer))}]"
        return text
