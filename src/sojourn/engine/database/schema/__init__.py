"""The tables of the engine database, one module for each subject.

Rules of the house: keys are AUTOINCREMENT and never used twice; a deleted account, group, realm or API key leaves a
husk whose *live* name column is NULL, so the name is free again; instants are milliseconds since 1970. Every table
that a request's rights follow from is in :data:`FACTS`: a trigger raises the generation at each change of it, so no
writer can forget to, not even a foreign tool.
"""

from sojourn.engine.database.schema.attest import attest_realm
from sojourn.engine.database.schema.changes import change_head
from sojourn.engine.database.schema.columns import metadata
from sojourn.engine.database.schema.directory import account, assignee, membership, scope_grant, user_group
from sojourn.engine.database.schema.ends import drop_request, end_journal, lease, store_mark
from sojourn.engine.database.schema.files import vfs_file, vfs_version
from sojourn.engine.database.schema.generation import FACTS
from sojourn.engine.database.schema.keys import api_key, api_key_pipeline, engine_secret, signing_key, signing_key_use
from sojourn.engine.database.schema.log import audit_event
from sojourn.engine.database.schema.passwords import password_history, password_mark
from sojourn.engine.database.schema.places import generation, installation, realm
from sojourn.engine.database.schema.providers import (
    external_identity,
    identity_provider,
    provider_end,
    provider_logout,
    provider_session,
)
from sojourn.engine.database.schema.tokens import auth_token, auth_token_place, auth_token_script, auth_token_use
from sojourn.engine.database.schema.views import VIEWS

__all__ = [
    "FACTS",
    "VIEWS",
    "account",
    "api_key",
    "api_key_pipeline",
    "assignee",
    "attest_realm",
    "audit_event",
    "auth_token",
    "auth_token_place",
    "auth_token_script",
    "auth_token_use",
    "change_head",
    "drop_request",
    "end_journal",
    "engine_secret",
    "external_identity",
    "generation",
    "identity_provider",
    "installation",
    "lease",
    "membership",
    "metadata",
    "password_history",
    "password_mark",
    "provider_end",
    "provider_logout",
    "provider_session",
    "realm",
    "scope_grant",
    "signing_key",
    "signing_key_use",
    "store_mark",
    "user_group",
    "vfs_file",
    "vfs_version",
]
