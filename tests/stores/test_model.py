"""Random operations and a moving clock: every store answers as the memory store does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from sojourn.bootstrap import open_store
from sojourn.core.errors import SessionEnded, SojournError
from sojourn.core.ids import new_token, secret_hash
from sojourn.model.field import Limits, Op
from sojourn.model.session import Device, End, Identity, IssuedToken, Rotation, Session
from sojourn.stores.memory import MemoryStore

T = 1_800_000_000_000
REALMS = (1, 2)
LARGE = '"' + "ü" * 1_100 + '"'

numbers = st.integers(0, 5)
realms = st.sampled_from(REALMS)
epochs = st.sampled_from([1, 1, 1, 2, 3])
principals = st.sampled_from(["", "a:1", "a:1", "x:space:sub"])
addresses = st.sampled_from(["192.0.2.1", "192.0.2.99", "2001:db8::1"])
idles = st.sampled_from([0, 40, 300])
mosts = st.none() | st.integers(1, 3)
names = st.sampled_from(["x", "y", "ñ.1"])
values = st.sampled_from(
    ["1", "-5", "0.1", "99999999999999999999", "[]", "[1,2.50]", "{}", '{"a":1}', '"é"', "null", LARGE]
)
patches = st.sampled_from(["{}", '{"a":null,"c":[1.10]}', '{"b":{"d":1}}'])
amounts = st.sampled_from(["1", "-0.5", "12345678901234567", "1e3"])
versions = st.integers(0, 4)
limits = st.sampled_from([Limits(), Limits(value=12), Limits(total=20), Limits(fields=2)])
operation = st.one_of(
    st.builds(Op, st.just("put"), names, values),
    st.builds(Op, st.just("delete"), names),
    st.builds(Op, st.just("increment"), names, amounts),
    st.builds(Op, st.just("append"), names, values),
    st.builds(Op, st.just("merge"), names, patches),
    st.builds(Op, st.just("put_if"), names, st.one_of(st.just(""), values), versions),
)
operations = st.lists(operation, max_size=3)
tokens = st.none() | st.builds(
    IssuedToken, hash=st.binary(min_size=32, max_size=32), expires=st.integers(T, T + 400), scope=st.just(("read",))
)

Act = Callable[[Any], Awaitable[object]]


class Stores(RuleBasedStateMachine):
    """One step = one act on both stores at one instant. Realms and ids are new ones in each run."""

    def __init__(self, runner: asyncio.Runner, store: Any, *, sweeps: bool) -> None:
        super().__init__()
        self.now = T
        self.sweeps = sweeps
        self.run = new_token()
        self.runner = runner
        self.store = store
        self.memory: Any = MemoryStore()

    def teardown(self) -> None:
        for number in range(6):
            for realm in REALMS:
                self.load_and_why(realm, number)

    def realm(self, number: int) -> str:
        return f"r{number}-{self.run}"

    def sid(self, number: int) -> str:
        return f"s{number}-{self.run}"

    def both(self, act: Act) -> None:
        answers = [self.runner.run(answer(store, act)) for store in (self.memory, self.store)]
        assert answers[0] == answers[1]

    def settled(self, realm: int, principal: str) -> None:
        """Both have seen who has expired: which acts look at that beside their own session is left to a store."""
        self.both(lambda store: store.list(self.realm(realm), principal, self.now))

    @rule(by=st.sampled_from([1, 20, 39, 40, 41, 150, -30]))
    def the_clock_moves(self, by: int) -> None:
        self.now += by

    @rule(
        realm=realms,
        number=numbers,
        principal=principals,
        address=addresses,
        idle=idles,
        life=st.integers(1, 600),
        x=st.none() | values,
        most=mosts,
    )
    def create(
        self,
        *,
        realm: int,
        number: int,
        principal: str,
        address: str,
        idle: int,
        life: int,
        x: str | None,
        most: int | None,
    ) -> None:
        session = Session(
            id=self.sid(number),
            realm=self.realm(realm),
            secret=secret_hash(f"{number}{self.now}"),
            identity=Identity(principal=principal),
            device=Device(address=address),
            created=self.now,
            last=self.now,
            idle=idle,
            absolute=self.now + life,
        )
        self.settled(realm, session.owner)
        self.both(lambda store: store.create(session, {} if x is None else {"x": x}, self.now, most=most))

    @rule(realm=realms, number=numbers)
    def load_and_why(self, realm: int, number: int) -> None:
        self.both(lambda store: store.load(self.realm(realm), self.sid(number), self.now))
        self.both(lambda store: store.why(self.realm(realm), self.sid(number), self.now))

    @rule(
        realm=realms,
        number=numbers,
        epoch=epochs,
        ops=operations,
        touch=st.booleans(),
        limits=limits,
        token=tokens,
        idle=st.none() | st.none() | idles,
    )
    def change(
        self,
        *,
        realm: int,
        number: int,
        epoch: int,
        ops: list[Op],
        touch: bool,
        limits: Limits,
        token: IssuedToken | None,
        idle: int | None,
    ) -> None:
        about: dict[str, Any] = {"touch": touch, "limits": limits, "token": token, "idle": idle}
        self.both(lambda store: store.change(self.realm(realm), self.sid(number), epoch, ops, self.now, **about))

    @rule(
        realm=realms,
        number=numbers,
        epoch=epochs,
        principal=principals,
        idle=idles,
        keep=st.none() | st.frozensets(names),
        most=mosts,
    )
    def rotate(
        self,
        *,
        realm: int,
        number: int,
        epoch: int,
        principal: str,
        idle: int,
        keep: frozenset[str] | None,
        most: int | None,
    ) -> None:
        to = rotation(principal, idle, self.now, keep)
        self.settled(realm, principal or "n:")
        self.both(lambda store: store.rotate(self.realm(realm), self.sid(number), epoch, to, self.now, most=most))

    @rule(realm=realms, number=numbers, epoch=st.none() | epochs)
    def end(self, realm: int, number: int, epoch: int | None) -> None:
        end = End("dropped", self.now, actor="é")
        self.both(lambda store: store.end(self.realm(realm), self.sid(number), end, self.now, epoch=epoch))

    @rule(realm=realms, number=numbers)
    def why(self, realm: int, number: int) -> None:
        self.both(lambda store: store.why(self.realm(realm), self.sid(number), self.now))

    @rule(realm=realms, owner=st.none() | principals | st.sampled_from(["n:192.0.2.0/24", "n:"]))
    def lists(self, realm: int, owner: str | None) -> None:
        self.both(lambda store: store.list(self.realm(realm), owner, self.now))
        self.both(lambda store: store.list_ended(self.realm(realm), owner))

    @rule(realm=realms, number=numbers, epoch=epochs, ops=st.lists(operation, min_size=1, max_size=3), limits=limits)
    def change_bag(self, *, realm: int, number: int, epoch: int, ops: list[Op], limits: Limits) -> None:
        self.settled(realm, "a:1")
        self.settled(realm, "x:space:sub")
        idle = 50 + 20 * number
        self.both(
            lambda store: store.change_bag(
                self.realm(realm), self.sid(number), epoch, ops, self.now, idle=idle, limits=limits
            )
        )

    @rule(realm=realms, principal=principals)
    def read_bag(self, realm: int, principal: str) -> None:
        self.settled(realm, principal)
        self.both(lambda store: store.read_bag(self.realm(realm), principal, self.now))

    @rule(realm=realms, principal=principals)
    def drop_bag(self, realm: int, principal: str) -> None:
        self.both(lambda store: store.drop_bag(self.realm(realm), principal))

    @precondition(lambda self: self.sweeps)
    @rule()
    def sweep_and_count(self) -> None:
        self.both(lambda store: swept(store, self.now))
        self.both(lambda store: counted(store, self.now, [self.realm(number) for number in REALMS]))

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


async def answer(store: Any, act: Act) -> object:
    """What the act answers, or the error with its evidence."""
    try:
        answered = await act(store)
    except SessionEnded as error:
        return type(error), error.reason, error.at
    except SojournError as error:
        return type(error), vars(error)
    return list(answered) if isinstance(answered, list) else answered


async def swept(store: Any, now: int) -> None:
    """Sweep until nothing is due; how much that is depends on what else is in the store."""
    while (await store.sweep(now)).more:
        pass


async def counted(store: Any, now: int, realms: Sequence[str]) -> object:
    return sorted(count for count in await store.count(now) if count.realm in realms)


def compare(address: str, examples: int, steps: int = 40) -> None:
    """Run the machine on the store at ``address``. A sweep of a cluster asks each of its 4,096 parts."""
    with asyncio.Runner() as runner:
        store: Any = runner.run(open_store(address))
        try:
            run_state_machine_as_test(
                lambda: Stores(runner, store, sweeps="cluster" not in address),  # type: ignore[arg-type] # any factory will do
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(store.close())


def test_a_store_answers_as_the_memory_store_does(address: str) -> None:
    compare(address, 12 if "cluster" in address else 25)


@pytest.mark.soak
def test_a_store_answers_as_the_memory_store_does_for_long(address: str) -> None:
    compare(address, 1_000)
