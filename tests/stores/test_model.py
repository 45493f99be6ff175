"""Random operations and a moving clock: the SQLite store answers as the memory store does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sojourn.core.errors import SojournError
from sojourn.core.ids import secret_hash
from sojourn.model.field import Limits, Op
from sojourn.model.session import End, Identity, IssuedToken, Rotation, Session
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SqliteStore

Store = MemoryStore | SqliteStore

T = 1_800_000_000_000
REALMS = ("r1", "r2")
LARGE = '"' + "ü" * 1_100 + '"'

sids = st.integers(0, 5).map(lambda number: f"s{number}")
realms = st.sampled_from(REALMS)
epochs = st.sampled_from([1, 1, 1, 2, 3])
principals = st.sampled_from(["", "a:1", "x:space:sub"])
idles = st.sampled_from([0, 40, 300])
names = st.sampled_from(["x", "y", "ñ.1"])
values = st.sampled_from(
    ["1", "-5", "0.1", "99999999999999999999", "[]", "[1,2.50]", "{}", '{"a":1}', '"é"', "null", LARGE]
)
patches = st.sampled_from(["{}", '{"a":null,"c":[1.10]}', '{"b":{"d":1}}'])
amounts = st.sampled_from(["1", "-0.5", "12345678901234567", "1e3"])
versions = st.integers(0, 4)
limits = st.sampled_from([Limits(), Limits(value=12), Limits(total=20), Limits(fields=2)])
operations = st.lists(
    st.one_of(
        st.builds(Op, st.just("put"), names, values),
        st.builds(Op, st.just("delete"), names),
        st.builds(Op, st.just("increment"), names, amounts),
        st.builds(Op, st.just("append"), names, values),
        st.builds(Op, st.just("merge"), names, patches),
        st.builds(Op, st.just("put_if"), names, st.one_of(st.just(""), values), versions),
    ),
    max_size=3,
)
tokens = st.none() | st.builds(
    IssuedToken, hash=st.binary(min_size=32, max_size=32), expires=st.integers(T, T + 400), scope=st.just(("read",))
)


class Stores(RuleBasedStateMachine):
    """One step = one act on both stores at one instant."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = MemoryStore()
        self.sqlite = self.runner.run(SqliteStore.open(Path(self.folder.name) / "state.db"))

    def teardown(self) -> None:
        for number in range(6):
            for realm in REALMS:
                self.load_and_why(realm, f"s{number}")
        self.runner.run(self.sqlite.close())
        self.runner.close()
        self.folder.cleanup()

    def both(self, act: Callable[[Any], Awaitable[object]]) -> None:
        answers = [self.runner.run(answer(store, act)) for store in (self.memory, self.sqlite)]
        assert answers[0] == answers[1]

    @rule(by=st.sampled_from([1, 20, 39, 40, 41, 150, -30]))
    def the_clock_moves(self, by: int) -> None:
        self.now += by

    @rule(realm=realms, sid=sids, principal=principals, idle=idles, life=st.integers(1, 600), x=st.none() | values)
    def create(self, *, realm: str, sid: str, principal: str, idle: int, life: int, x: str | None) -> None:
        session = Session(
            id=sid,
            realm=realm,
            secret=secret_hash(f"{sid}{self.now}"),
            identity=Identity(principal=principal),
            created=self.now,
            last=self.now,
            idle=idle,
            absolute=self.now + life,
        )
        self.both(lambda store: store.create(session, {} if x is None else {"x": x}, self.now))

    @rule(realm=realms, sid=sids)
    def load_and_why(self, realm: str, sid: str) -> None:
        self.both(lambda store: store.load(realm, sid, self.now))
        self.both(lambda store: store.why(realm, sid, self.now))

    @rule(realm=realms, sid=sids, epoch=epochs, ops=operations, touch=st.booleans(), limits=limits, token=tokens)
    def change(
        self, *, realm: str, sid: str, epoch: int, ops: list[Op], touch: bool, limits: Limits, token: IssuedToken | None
    ) -> None:
        self.both(lambda store: store.change(realm, sid, epoch, ops, self.now, touch=touch, limits=limits, token=token))

    @rule(realm=realms, sid=sids, epoch=epochs, principal=principals, idle=idles, keep=st.none() | st.frozensets(names))
    def rotate(
        self, *, realm: str, sid: str, epoch: int, principal: str, idle: int, keep: frozenset[str] | None
    ) -> None:
        to = rotation(principal, idle, self.now, keep)
        self.both(lambda store: store.rotate(realm, sid, epoch, to, self.now))

    @rule(realm=realms, sid=sids, epoch=st.none() | epochs)
    def end(self, realm: str, sid: str, epoch: int | None) -> None:
        end = End("dropped", self.now, actor="é")
        self.both(lambda store: store.end(realm, sid, end, self.now, epoch=epoch))

    @rule(realm=realms, sid=sids)
    def why(self, realm: str, sid: str) -> None:
        self.both(lambda store: store.why(realm, sid, self.now))

    @rule(realm=realms, principal=st.none() | principals)
    def lists(self, realm: str, principal: str | None) -> None:
        self.both(lambda store: store.list(realm, principal, self.now))
        self.both(lambda store: store.list_ended(realm, principal))

    @rule()
    def sweep(self) -> None:
        self.both(lambda store: store.sweep(self.now))

    @precondition(lambda self: self.now < T + 10_000)
    @rule()
    def a_month_passes(self) -> None:
        self.now += 31 * 24 * 3_600_000


def rotation(principal: str, idle: int, now: int, keep: frozenset[str] | None) -> Rotation:
    fresh = Session(id="", realm="", secret=secret_hash(f"to{now}"), created=now, last=now, absolute=now + 500)
    return Rotation(
        secret=fresh.secret,
        identity=Identity(principal=principal, scope=("read",)),
        device=fresh.device,
        fences=fresh.fences,
        idle=idle,
        absolute=fresh.absolute,
        keep=keep,
    )


async def answer(store: Store, act: Callable[[Store], Awaitable[object]]) -> object:
    """What the act answers, or the error with its evidence."""
    try:
        answered = await act(store)
    except SojournError as error:
        return type(error), vars(error)
    return list(answered) if isinstance(answered, list) else answered


TestStores = Stores.TestCase
TestStores.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
