"""No chain of administrative acts reaches a scope that its holder lacks (security.md §5).

Random actors grant, revoke, make and join groups and roles, set passwords and authorize tokens. Whatever of it the
engine permits: an account's scopes grow only by what somebody gave who had them, there; a password is set and a token
authorized only by who has all that the account has; a token never opens more than its account has.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sojourn.core.clock import ManualClock
from sojourn.core.errors import SojournError
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actor
from sojourn.engine.security.methods import Security
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.token import AuthToken
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import UNLIMITED, assemble

ADMINISTRATIVE = (
    "security.manageUsers",
    "security.managePermissions",
    "security.changeUserPassword",
    "security.issueImpersonationToken",
    "security.manageTokens",
)
WORDS = ("a", "b", "c", *ADMINISTRATIVE, "security.root")
USERS = ("u0", "u1", "u2", "u3")
GROUPS = ("g0", "g1", "r0")
PLACES = ("*", "one", "two")

Scopes = Mapping[str, ScopeSet]

users, groups, words, places = (st.sampled_from(of) for of in (USERS, GROUPS, WORDS, PLACES))
assignees = st.sampled_from((*USERS, *GROUPS, "everyone"))

#: Who acts is mostly one of the two operators.
actors = st.sampled_from(("u0", "u0", "u0", "u1", "u1", "u2"))
rare = st.sampled_from(("a", "b", "c", "security.root"))

#: The operators: one everywhere, one in a realm. What they lack, others and the groups have.
OPERATORS = [(name, word, place) for name, place in (("u0", "*"), ("u1", "one")) for word in ADMINISTRATIVE]
STARTS = st.lists(st.tuples(assignees, rare, places), min_size=2, max_size=8)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), actors, assignees, words, places),
        st.tuples(st.just("revoke"), actors, assignees, words, places),
        st.tuples(st.just("join"), actors, assignees, groups),
        st.tuples(st.just("leave"), actors, assignees, groups),
        st.tuples(st.just("create"), actors, groups),
        st.tuples(st.just("password"), actors, users),
        st.tuples(st.just("token"), actors, users, words, places),
    ),
    min_size=4,
    max_size=16,
)


class World:
    """One engine with four users, two groups and a role."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.keys: dict[str, int] = {}
        self.permitted = 0

    async def scopes(self) -> dict[str, Scopes]:
        """What each user may do now, by realm id, with what holds everywhere included."""
        return {name: await self.rules.actors.scopes(key) for name, key in self.keys.items()}

    def place(self, name: str) -> str:
        if name == EVERYWHERE:
            return name
        realm = self.rules.realms.get(name)
        assert realm is not None
        return realm.id

    async def act(self, act: tuple[str, ...]) -> None:
        """Do one act as its actor, and hold its outcome against what everybody had before."""
        kind, by, *rest = act
        before = await self.scopes()
        held = before[by]
        actor = Actor(by, self.keys[by], held.get(EVERYWHERE, NO_SCOPE), held)
        try:
            await self._do(kind, actor, rest)
        except SojournError:
            assert await self.scopes() == before, (act, "was refused and changed something")
            return
        self.permitted += 1
        after = await self.scopes()
        root = "security.root" in held.get(EVERYWHERE, NO_SCOPE)
        for name, now in after.items():
            gained = _beyond(now, before.get(name, {}))
            assert root or not _beyond(gained, held), (act, name, gained)
        if kind in {"password", "token"} and rest[0] != by:
            assert root or not _beyond(before[rest[0]], held), (act, "took over who has more")

    async def _do(self, kind: str, actor: Actor, rest: list[str]) -> None:
        rules, security = self.rules, Security(self.rules, actor)
        rights, directory = rules.rights, rules.users.groups
        match kind, rest:
            case "grant", [name, word, place]:
                await security.grant_scope(name, word, place)
            case "revoke", [name, word, place]:
                await security.revoke_scope(name, word, place)
            case "join", [name, group]:
                guard = rights.joins(actor, "main", name, [group])
                await directory.join(name, [group], actor=actor, guard=guard)
            case "leave", [name, group]:
                guard = rights.joins(actor, "main", name, [group])
                await directory.leave(name, group, actor=actor, guard=guard)
            case "create", [group]:
                name = f"n{len(self.keys)}"
                self.keys[name] = await security.create_user(name, None, [group])
            case "password", [name]:
                await security.set_password(self.keys[name], "another four plain words")
            case "token", [name, word, place]:
                await self._token(actor, name, word, place)

    async def _token(self, actor: Actor, name: str, word: str, place: str) -> None:
        account = await self.rules.users.get(self.keys[name])
        assert account is not None
        token = AuthToken(word)
        done = await self.rules.auth_tokens.authorize(actor, account, token, self.place(place))
        realm = self.rules.realms.get("one" if place == EVERYWHERE else place)
        assert realm is not None
        access = await self.rules.bearers.open(realm, done.text)
        held = await self.rules.actors.scopes(account.key)
        assert access.delegated
        assert access.scope <= held.get(realm.id, held.get(EVERYWHERE, NO_SCOPE))
        mine = actor.in_realm.get(realm.id, actor.everywhere)
        assert access.scope <= mine or "security.root" in actor.everywhere


def _beyond(scopes: Scopes, held: Scopes) -> dict[str, ScopeSet]:
    """What of ``scopes`` is not in ``held``, by realm."""
    everywhere = held.get(EVERYWHERE, NO_SCOPE)
    found = {realm: words - held.get(realm, NO_SCOPE) - everywhere for realm, words in scopes.items()}
    return {realm: words for realm, words in found.items() if words}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(starts=STARTS, acts=ACTS)
@example(starts=[("u2", "c", "*")], acts=[("grant", "u0", "u0", "c", "*"), ("grant", "u1", "u1", "a", "two")])
@example(starts=[("g0", "c", "two")], acts=[("join", "u0", "u3", "g0"), ("join", "u0", "everyone", "r0")])
@example(starts=[("r0", "c", "one"), ("g0", "c", "*")], acts=[("join", "u0", "g1", "r0"), ("join", "u0", "g1", "g0")])
@example(starts=[("g0", "c", "*"), ("everyone", "a", "one")], acts=[("create", "u0", "g0"), ("create", "u0", "g1")])
@example(starts=[("u2", "c", "two")], acts=[("password", "u0", "u2"), ("token", "u0", "u2", "c", "two")])
@example(starts=[("u2", "security.root", "*")], acts=[("password", "u0", "u2"), ("token", "u0", "u2", "a", "*")])
def test_no_chain_of_acts_reaches_a_scope_that_its_holder_lacks(
    migrated: Path, starts: list[tuple[str, str, str]], acts: list[tuple[str, ...]]
) -> None:
    asyncio.run(_play(migrated, [*OPERATORS, *starts], acts))


def test_the_play_does_permit_acts(migrated: Path) -> None:
    """The test above would hold also of an engine that refuses everything."""
    starts = [("u0", word, "*") for word in WORDS[:-1]]
    acts = [
        ("grant", "u0", "u1", "a", "one"),
        ("join", "u0", "u1", "g0"),
        ("create", "u0", "r0"),
        ("password", "u0", "u1"),
        ("token", "u0", "u1", "a", "one"),
        ("grant", "u1", "u2", "a", "one"),
    ]
    assert asyncio.run(_play(migrated, starts, acts)) == len(acts) - 1


async def _play(migrated: Path, starts: list[tuple[str, str, str]], acts: list[tuple[str, ...]]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(migrated, folder, dirs_exist_ok=True)
        db = await EngineDatabase.open("sqlite:///var/engine.db", Path(folder))
        rules = await assemble(
            db,
            MemoryStore(),
            audit_log=Audit,
            master=bytes(32),
            clock=ManualClock(),
            hasher=PasswordHasher(Cost(8, 1), workers=1),
            limits=UNLIMITED,
            configs={"one": {}, "two": {}},
        )
        try:
            return await _played(World(rules), starts, acts)
        finally:
            await db.close()


async def _played(world: World, starts: list[tuple[str, str, str]], acts: list[tuple[str, ...]]) -> int:
    rules = world.rules
    for name in USERS:
        world.keys[name] = (await rules.users.add("main", name, None)).key
    for name in GROUPS:
        await rules.users.groups.add(name, kind="role" if name.startswith("r") else "group")
    for name, word, place in starts:
        await rules.grants.grant(name, word, world.place(place))
    for act in acts:
        await world.act(act)
    return world.permitted
