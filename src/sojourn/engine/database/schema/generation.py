"""Which tables are facts, and the triggers that raise the generation at each change of one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, MetaData, event

from sojourn.engine.database.schema.columns import metadata
from sojourn.engine.database.schema.directory import account, membership, scope_grant, user_group
from sojourn.engine.database.schema.files import vfs_file
from sojourn.engine.database.schema.keys import api_key, api_key_pipeline, signing_key
from sojourn.engine.database.schema.places import installation, realm
from sojourn.engine.database.schema.providers import identity_provider, provider_end
from sojourn.engine.database.schema.tokens import auth_token, auth_token_script
from sojourn.engine.database.triggers import raise_generation_with

#: What the rights of a request follow from, and which scripts it runs.
FACTS = (
    installation,
    realm,
    account,
    user_group,
    membership,
    scope_grant,
    api_key,
    api_key_pipeline,
    signing_key,
    auth_token,
    auth_token_script,
    identity_provider,
    provider_end,
    vfs_file,
)


@event.listens_for(metadata, "after_create")
def _make_triggers(_target: MetaData, connection: Connection, **_options: Any) -> None:
    """What migrations make of each table of facts, made of the whole schema."""
    raise_generation_with(connection, [table.name for table in FACTS])
