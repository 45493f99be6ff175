"""What another process takes away is gone at the very next look of this one."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest

from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.users import Users
from sojourn.engine.facts import Facts
from sojourn.model.realm import Realm
from sojourn.model.user import Account

pytestmark = pytest.mark.anyio

PROGRAM = """
import asyncio, pathlib, sys
from sojourn.core.clock import SystemClock
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.groups import Groups
async def main():
    db, clock = await EngineDatabase.open("sqlite:///var/engine.db", pathlib.Path(sys.argv[1])), SystemClock()
    audit = Audit(db, clock)
    grants, groups = Grants(db, audit, clock), Groups(db, audit, clock)
    await {act}
    await db.close()
asyncio.run(main())
"""

ACTS = {
    "a scope of the account": 'grants.revoke("ann", "own")',
    "a scope of its group": 'grants.revoke("staff", "of.staff")',
    "a scope of its role": 'grants.revoke("clerk", "of.clerk")',
    "a scope of everyone": 'grants.revoke("everyone", "of.everyone")',
    "its membership": 'groups.leave("ann", "staff")',
    "its role": 'groups.leave("ann", "clerk")',
    "the group over its group": 'groups.leave("staff", "house")',
    "its group": 'groups.delete("staff")',
    "the role": 'groups.delete("clerk")',
}

GONE = {
    "a scope of the account": {"own"},
    "a scope of its group": {"of.staff"},
    "a scope of its role": {"of.clerk"},
    "a scope of everyone": {"of.everyone"},
    "its membership": {"of.staff", "of.house"},
    "its role": {"of.clerk"},
    "the group over its group": {"of.house"},
    "its group": {"of.staff", "of.house"},
    "the role": {"of.clerk"},
}

EVERY = {"own", "of.staff", "of.house", "of.clerk", "of.everyone"}


@pytest.fixture
async def ann(users: Users, grants: Grants) -> Account:
    """An account with a scope from everywhere one can come from."""
    await users.groups.add("house")
    await users.groups.add("clerk", kind="role")
    await users.groups.add("staff", ["house"])
    made = await users.add("main", "ann", None, groups=["staff", "clerk"])
    await grants.grant("ann", "own")
    for name in ("staff", "house", "clerk", "everyone"):
        await grants.grant(name, f"of.{name}")
    return made


@pytest.mark.parametrize("what", ACTS)
async def test_what_another_process_takes_is_gone_at_the_next_look(
    facts: Facts, ann: Account, realm: Realm, project: Path, what: str
) -> None:
    before = await (await facts.current()).account(realm, ann.key)
    assert before is not None
    assert before.scopes == EVERY
    program = PROGRAM.replace("{act}", ACTS[what])
    await anyio.run_process([sys.executable, "-c", program, str(project)])
    after = await (await facts.current()).account(realm, ann.key)
    assert after is not None
    assert EVERY - after.scopes == GONE[what]
