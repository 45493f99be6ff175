"""Security: accounts, groups, roles, scopes, passwords and tokens, for code that acts for somebody.

The methods are those of the product that scripts were written for, in Python's spelling. Each declares the right that
its caller needs; one that does not makes the import of this module fail. Names are those of one directory; where an
identity is asked for, a mail address does as well, and because an address is unique in its directory it never stands for
two accounts.

What concerns products and the classes of their records (``userCanModifyKey``, ``getPermission``) is not here yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sojourn.engine.accounts.directory import assignee_by_key, known_group_by_key
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.security.actors import ROOT
from sojourn.engine.security.caller import VIEW
from sojourn.engine.security.credentials import CredentialMethods
from sojourn.engine.security.declared import LOGGED_IN, declared, needs
from sojourn.engine.security.rights import MANAGE, PERMISSIONS
from sojourn.model.dbkeys import AuthPolicy, UserState, state_key, state_of
from sojourn.model.scope import NO_SCOPE
from sojourn.model.user import AccountType

#: What a developer has: the right to deploy somewhere.
_DEPLOY: Final = "engine.deploy:"


class Security(CredentialMethods):
    """What one caller may do to the accounts of one directory; made as :class:`SecurityCaller` says."""

    # --- accounts ---

    @needs(MANAGE, also="all that the groups, and everyone, give", seed="createUser")
    async def create_user(self, user_name: str, password: str | None, groups: Sequence[str] = ()) -> int:
        """Make an account in ``groups``; its key. Without a password only an identity provider lets it in.

        Raises ``BadAccount``, ``NameTaken``, ``WeakPassword``, ``GroupUnknown``, ``LoginBusy``.
        """
        guard = self._rules.rights.adds(self._who, self._directory, groups)
        made = await self._rules.users.add(
            self._directory, user_name, password, groups=groups, actor=self._who, guard=guard
        )
        return made.key

    @needs(VIEW, seed="findUser")
    async def find_user(self, user_id: str) -> int | None:
        """The key of the account with that name or mail address; None when there is none."""
        found = await self._rules.users.find(self._directory, user_id)
        return found.key if found else None

    @needs(MANAGE, over=True, seed="deleteUser")
    async def delete_user(self, user_key: int) -> None:
        """Delete an account: its sessions end, its tokens are dead, its key is never used again. Raises ``UserUnknown``."""
        guard = self._rules.rights.over_account(self._who, user_key)
        await self._rules.users.delete(user_key, self._who, guard=guard)

    @needs(MANAGE, over=True, seed="setUserStatus")
    async def set_user_status(self, user_key: int, status: int | str) -> None:
        """Activate, lock, disable or expire, by the state's key (``UserState``) or word.

        Raises ``UserUnknown``, ``BadUserState``, ``AccountTampered``; ``ExternalAuthorizer`` for *expired* and an account
        whose credentials an identity provider checks.
        """
        guard = self._rules.rights.over_account(self._who, user_key)
        await self._rules.users.set_state(user_key, state_of(status), self._who, guard=guard)

    @needs(VIEW, own=True, seed="getUserStatus")
    async def get_user_status(self, user_key: int) -> UserState:
        """The state of an account. Raises ``UserUnknown``."""
        return state_key((await self._known(user_key)).state)

    @needs(MANAGE, over=True, seed="setUserAccountType")
    async def set_user_account_type(self, user_key: int, account_type: AccountType) -> None:
        """Say what the account is for: ``standard`` or ``support``. Raises ``UserUnknown``, ``AccountTampered``."""
        guard = self._rules.rights.over_account(self._who, user_key)
        await self._rules.users.set_type(user_key, account_type, self._who, guard=guard)

    @needs(VIEW, own=True, seed="getUserAccountType")
    async def get_user_account_type(self, user_key: int) -> AccountType:
        """What the account is for. Raises ``UserUnknown``."""
        return (await self._known(user_key)).account_type

    @needs(VIEW, own=True, seed="userSignatureIsValid")
    async def user_signature_is_valid(self, user_key: int) -> bool:
        """Whether the engine itself wrote the record of the account last. Raises ``UserUnknown``."""
        return (await self._known(user_key)).intact

    @needs(VIEW, own=True, seed="isAdministrator")
    async def is_administrator(self, user_key: int) -> bool:
        """Whether the account may act on every account: it has ``security.root`` in every realm. Raises ``UserUnknown``."""
        await self._known(user_key)
        return ROOT in (await self._rules.actors.scopes(user_key)).get(EVERYWHERE, NO_SCOPE)

    @needs(VIEW, own=True, seed="isDeveloper")
    async def is_developer(self, user_key: int) -> bool:
        """Whether the account may deploy in some realm: it has a scope ``engine.deploy:…``. Raises ``UserUnknown``."""
        await self._known(user_key)
        held = await self._rules.actors.scopes(user_key)
        return any(scope.startswith(_DEPLOY) for scopes in held.values() for scope in scopes)

    @needs(VIEW, own=True, seed="getAuthPolicy")
    async def get_auth_policy(self, user_key: int) -> AuthPolicy:
        """Who checks the credentials of the account; groups and roles have the default. Raises ``UserUnknown``."""
        account = await self._rules.users.get(user_key)
        if account is None or account.directory != self._directory:
            find = lambda connection: assignee_by_key(connection, self._directory, user_key)  # noqa: E731
            await self._rules.db.read(find)
            return AuthPolicy.DEFAULT
        external = not await self._rules.users.has_password(user_key)
        return AuthPolicy.EXTERNAL if external else AuthPolicy.DEFAULT

    @needs(VIEW, own=True, seed="getAuthPolicyClass")
    async def get_auth_policy_class(self, user_key: int) -> AuthPolicy:
        """The class of that policy: each class has exactly one here. Raises ``UserUnknown``."""
        return await self.get_auth_policy(user_key)

    # --- groups, roles, scopes ---

    @needs(MANAGE, also="all that the groups, and everyone, give", seed="createGroup")
    async def create_group(self, name: str, groups: Sequence[str] = ()) -> int:
        """Make a group within ``groups``; its key. Raises ``BadAccount``, ``NameTaken``, ``GroupUnknown``, ``RoleNested``."""
        guard = self._rules.rights.adds(self._who, self._directory, groups)
        made = await self._rules.users.groups.add(name, groups, directory=self._directory, actor=self._who, guard=guard)
        return made.key

    @needs(MANAGE, also="all that the group gives", seed="deleteGroup")
    async def delete_group(self, group_key: int) -> None:
        """Delete a group or role with its memberships and grants. Raises ``GroupUnknown``, ``EveryoneFixed``."""
        name = await self._rules.db.read(lambda connection: known_group_by_key(connection, self._directory, group_key))
        guard = self._rules.rights.over_group(self._who, self._directory, name)
        await self._rules.users.groups.delete(name, directory=self._directory, actor=self._who, guard=guard)

    @needs(VIEW, own=True, seed="getUserAndGroupsKeys")
    async def get_user_and_groups_keys(self, user_key: int) -> Sequence[int]:
        """The account's key, then those of its groups: by priority, depth-first, each once, everyone last.

        Raises ``UserUnknown``.
        """
        await self._known(user_key)
        return [user_key, *(group.key for group in await self._rules.users.groups.of(user_key, everyone=True))]

    @needs(VIEW, own=True, seed="getUserScopes")
    async def get_user_scopes(self, user_key: int) -> Sequence[str]:
        """All scopes that the account has here, by itself, its groups and roles, in order. Raises ``UserUnknown``."""
        await self._known(user_key)
        held = await self._rules.actors.scopes(user_key)
        everywhere = held.get(EVERYWHERE, NO_SCOPE)
        return sorted(held.get(self._realm.id, everywhere) if self._realm else everywhere)

    @needs(VIEW, own=True, seed="userHasScope")
    async def user_has_scope(self, user_key: int, scope: str) -> bool:
        """Whether :meth:`get_user_scopes` has this one. Raises ``UserUnknown``."""
        return scope in await self.get_user_scopes(user_key)

    @needs(PERMISSIONS, also="the scope, where it is granted", seed="grantScope")
    async def grant_scope(self, assignee: str | int, scope: str, realm: str | None = None) -> None:
        """Give a user, group or role (name or key) a scope: in ``realm``, by default in the one of the caller.

        ``*`` is every realm. Nothing happens when it has it. Raises ``UserUnknown``, ``BadScope``, ``RealmUnknown``.
        """
        name, place = await self._name(assignee), self._place(realm)
        guard = self._rules.rights.gives(self._who, scope, place)
        await self._rules.grants.grant(name, scope, place, directory=self._directory, actor=self._who, guard=guard)

    @needs(PERMISSIONS, also="the scope, where it is revoked", seed="revokeScope")
    async def revoke_scope(self, assignee: str | int, scope: str, realm: str | None = None) -> None:
        """Take exactly this grant away; nothing happens when there is none. Raises as :meth:`grant_scope`, ``GrantShipped``."""
        name, place = await self._name(assignee), self._place(realm)
        guard = self._rules.rights.gives(self._who, scope, place)
        await self._rules.grants.revoke(name, scope, place, directory=self._directory, actor=self._who, guard=guard)

    # --- secrets ---

    @needs(LOGGED_IN, seed="encryptSecret")
    async def encrypt_secret(self, key: int, secret: str) -> str:
        """``secret`` for the record with ``key``, readable by the engine only and for that record only."""
        return await self._rules.secrets.encrypt(key, secret)


#: What each method needs; the import fails when one says nothing.
NEEDS: Final = declared(Security)
