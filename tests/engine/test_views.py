"""The directory as foreign tools read it."""

import sqlite3
from pathlib import Path

import pytest

from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.users import Users
from sojourn.engine.database import schema
from sojourn.model.realm import Realm

pytestmark = pytest.mark.anyio


async def test_the_views_show_the_directory_and_nothing_secret(
    project: Path, users: Users, grants: Grants, realm: Realm
) -> None:
    await users.groups.add("clerk", kind="role")
    staff = await users.groups.add("staff", ["clerk"])
    ann = await users.add("main", "ann", "the lamp stood by the sea", "ann@example.org", ["staff"])
    gone = await users.add("main", "gone", None)
    await users.delete(gone.key)
    await users.set_state(ann.key, "locked")
    await grants.grant("ann", "cart.read", realm.id)
    await grants.grant("staff", "stock.read", product="shop")
    tool = sqlite3.connect(project / "var/engine.db")
    tool.row_factory = sqlite3.Row
    rows = {row["iName"]: dict(row) for row in tool.execute("SELECT * FROM iGroupUser")}
    assert set(rows) == {"anonymous", "ann", "everyone", "staff", "clerk"}
    assert rows["ann"] == {
        "iKey": ann.key,
        "iName": "ann",
        "iEmail": "ann@example.org",
        "iKind": "user",
        "iDirectory": "main",
        "iState": -1898143908,
        "iAccountType": "standard",
    }
    assert (rows["anonymous"]["iKey"], rows["clerk"]["iKind"], rows["staff"]["iState"]) == (-1, "role", None)
    members = [tuple(row) for row in tool.execute('SELECT "iGroup", "iMember" FROM iGroupUserMember')]
    assert (staff.key, ann.key) in members
    scopes = {tuple(row) for row in tool.execute("SELECT iAssignee, iScope, iRealm, iProduct FROM iGroupUserScope")}
    assert scopes == {(ann.key, "cart.read", "acme", ""), (staff.key, "stock.read", "*", "shop")}
    for view in schema.VIEWS:
        with pytest.raises(sqlite3.OperationalError, match="it is a view"):
            tool.execute(f"DELETE FROM {view}")
    tool.close()
