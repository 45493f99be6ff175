"""The global ``security``: accounts, groups, scopes, passwords and tokens, for scripts.

Each member is a method of ``engine.security.methods.Security`` under the seed's name, and asks what that declares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from sojourn.engine.accounts.directory import known_group_by_key
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.passwords.passwords import WrongPassword
from sojourn.engine.security.actors import Actor
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF
from sojourn.engine.security.methods import NEEDS
from sojourn.engine.security.methods import Security as Rules
from sojourn.model.scope import NO_SCOPE
from sojourn.model.user import AccountType
from sojourn.scripting.api.auth_token import TokenArgument, shown
from sojourn.scripting.declare import HostClass, exposed, method, static
from sojourn.scripting.values import Value

F = TypeVar("F", bound=Callable[..., Any])

#: A key, or what names a group: scripts of the product that this comes from use keys.
Group = str | int


#: How the names of the members begin that change something.
_WRITING = ("create", "delete", "set", "grant", "revoke", "change", "authorize", "update")


def _needs(python: str, signature: str) -> Callable[[F], F]:
    """Declare a member with the right of the method ``python`` of the engine's Security."""
    need = NEEDS[python]
    words = [] if need.right in {ANYONE, LOGGED_IN, SELF} else [f"`{need.right}`"]
    if words and need.own:
        words.append("or the own account")
    if need.over:
        words.append("and every scope that the account has")
    also = [" ".join(words), need.also, "in a request a fresh login" if need.fresh else ""]
    writes = need.seed.startswith(_WRITING)
    right = need.right if need.right in {ANYONE, SELF} else LOGGED_IN
    if not signature.startswith(f"{need.seed}("):
        raise TypeError(f"{signature} is not {need.seed}")
    return method(signature, right, also="; ".join(word for word in also if word), writes=writes)


@exposed("Security", "lib/security/Security", "context/security", instance="security")
class Security(HostClass):
    """Accounts, groups, roles, scopes, passwords and tokens of the realm's directory.

    It acts as the session's user, with the user's rights and no others: nobody gives or takes over what he does not have.
    A *user id* is a name or a mail address. Keys are of accounts and groups of the own directory; anything else is
    ``UserUnknown`` or ``GroupUnknown``.

    Example::

        session.login('anna', 'correct horse battery');
        security.getUserScopes(session.userKey).join(' '); // => "cart.read cart.write"
    """

    @static("getInstance(): Security", ANYONE)
    def get_instance(self) -> None:
        """The global ``security``."""

    # --- accounts ---

    @_needs(
        "create_user", "createUser(userName: string, password: string | null, groups?: (string | number)[]): number"
    )
    async def create_user(self, user_name: str, password: str | None, groups: list[Group] | None = None) -> int:
        """Make an account in ``groups``, named or by their keys; its key. Without a password only a provider lets it in."""
        return await (await self._engine()).create_user(user_name, password, await self._groups(groups))

    @_needs("find_user", "findUser(userId: string): number | null")
    async def find_user(self, user_id: str) -> int | None:
        """The key of the account, null when there is none."""
        return await (await self._engine()).find_user(user_id)

    @_needs("delete_user", "deleteUser(userKey: number): void")
    async def delete_user(self, user_key: int) -> None:
        """Delete an account: its sessions end, its tokens are dead."""
        await (await self._engine()).delete_user(user_key)

    @_needs("set_user_status", "setUserStatus(userKey: number, status: number | string): void")
    async def set_user_status(self, user_key: int, status: int | str) -> None:
        """Activate, lock, disable or expire: by the key of the state, or ``active``, ``locked``, ``disabled``, ``expired``."""
        await (await self._engine()).set_user_status(user_key, status)

    @_needs("get_user_status", "getUserStatus(userKey: number): number")
    async def get_user_status(self, user_key: int) -> int:
        """The key of the state."""
        return int(await (await self._engine()).get_user_status(user_key))

    @_needs("set_user_account_type", "setUserAccountType(userKey: number, accountType: 'standard' | 'support'): void")
    async def set_user_account_type(self, user_key: int, account_type: AccountType) -> None:
        """Say what the account is for."""
        await (await self._engine()).set_user_account_type(user_key, account_type)

    @_needs("get_user_account_type", "getUserAccountType(userKey: number): 'standard' | 'support'")
    async def get_user_account_type(self, user_key: int) -> Literal["standard", "support"]:
        """What the account is for."""
        return await (await self._engine()).get_user_account_type(user_key)

    @_needs("user_signature_is_valid", "userSignatureIsValid(userKey: number): boolean")
    async def user_signature_is_valid(self, user_key: int) -> bool:
        """Whether the engine itself wrote the record of the account last."""
        return await (await self._engine()).user_signature_is_valid(user_key)

    @_needs("is_administrator", "isAdministrator(userKey: number): boolean")
    async def is_administrator(self, user_key: int) -> bool:
        """Whether the account may act on every account."""
        return await (await self._engine()).is_administrator(user_key)

    @_needs("is_developer", "isDeveloper(userKey: number): boolean")
    async def is_developer(self, user_key: int) -> bool:
        """Whether the account may deploy somewhere."""
        return await (await self._engine()).is_developer(user_key)

    @_needs("get_auth_policy", "getAuthPolicy(userKey: number): number")
    async def get_auth_policy(self, user_key: int) -> int:
        """Key of the policy by which the account's credentials are checked: here, or by an identity provider."""
        return int(await (await self._engine()).get_auth_policy(user_key))

    @_needs("get_auth_policy_class", "getAuthPolicyClass(userKey: number): number")
    async def get_auth_policy_class(self, user_key: int) -> int:
        """Key of the class of that policy."""
        return int(await (await self._engine()).get_auth_policy_class(user_key))

    # --- groups and scopes ---

    @_needs("create_group", "createGroup(name: string, groups?: (string | number)[]): number")
    async def create_group(self, name: str, groups: list[Group] | None = None) -> int:
        """Make a group within ``groups``; its key."""
        return await (await self._engine()).create_group(name, await self._groups(groups))

    @_needs("delete_group", "deleteGroup(groupKey: number): void")
    async def delete_group(self, group_key: int) -> None:
        """Delete a group or role with its memberships and grants."""
        await (await self._engine()).delete_group(group_key)

    @_needs("get_user_and_groups_keys", "getUserAndGroupsKeys(userKey: number): number[]")
    async def get_user_and_groups_keys(self, user_key: int) -> Value:
        """The account's key, then those of its groups by priority, depth-first, each once, everyone last."""
        return list(await (await self._engine()).get_user_and_groups_keys(user_key))

    @_needs("get_user_scopes", "getUserScopes(userKey: number): string[]")
    async def get_user_scopes(self, user_key: int) -> Value:
        """All scopes of the account in this realm: its own, and those of its groups and roles."""
        return list(await (await self._engine()).get_user_scopes(user_key))

    @_needs("user_has_scope", "userHasScope(userKey: number, scope: string): boolean")
    async def user_has_scope(self, user_key: int, scope: str) -> bool:
        """Whether the account has the scope in this realm."""
        return await (await self._engine()).user_has_scope(user_key, scope)

    @_needs("grant_scope", "grantScope(assignee: string | number, scope: string): void")
    async def grant_scope(self, assignee: Group, scope: str) -> None:
        """Give a user, group or role, by name or key, a scope in this realm; nothing happens when it has it."""
        await (await self._engine()).grant_scope(assignee, scope)

    @_needs("revoke_scope", "revokeScope(assignee: string | number, scope: string): void")
    async def revoke_scope(self, assignee: Group, scope: str) -> None:
        """Take that grant away; nothing happens when there is none. Throws ``GrantShipped`` for one of the product."""
        await (await self._engine()).revoke_scope(assignee, scope)

    @_needs("encrypt_secret", "encryptSecret(key: number, secret: string): string")
    async def encrypt_secret(self, key: int, secret: str) -> str:
        """``secret`` for the record with ``key``; the engine alone can read it, no script."""
        return await (await self._engine()).encrypt_secret(key, secret)

    # --- passwords ---

    @_needs("authenticate_user", "authenticateUser(userId: string, password: string): number")
    async def authenticate_user(self, user_id: str, password: str) -> int:
        """The key of the account with that password, -1 for wrong ones; logs nobody in.

        Throws ``AccountUnusable`` for a locked, disabled or expired account, ``TooManyTries``.
        """
        return await (await self._engine()).authenticate_user(user_id, password)

    @_needs("change_password", "changePassword(userKey: number, oldPassword: string, newPassword: string): void")
    async def change_password(self, user_key: int, old_password: str, new_password: str) -> None:
        """Change the own password: this session gets a new secret, all others of the user end.

        Throws ``WrongPassword``, ``WeakPassword``, ``ExternalAuthorizer``.
        """
        engine = await self._engine()
        await engine.admit(NEEDS["change_password"], user_key)
        if self.run.session.access.transient is not None:
            await (await self._engine(recorded=False)).change_password(user_key, old_password, new_password)
            return
        if not await self.run.rules.users.has_password(user_key):
            raise ExternalAuthorizer
        self.run.changing_identity()
        await self.run.own_session().set_password(new_password, old_password)
        await self.run.changed_identity()

    @_needs("set_password", "setPassword(userKey: number, password: string): void")
    async def set_password(self, user_key: int, password: str) -> None:
        """Set a password: all sessions of the account end, its tokens are revoked. Throws ``WeakPassword``."""
        await (await self._engine()).set_password(user_key, password)

    # --- tokens ---

    @_needs("authenticate_auth_token", "authenticateAuthToken(accessToken: string): AuthTokenInfo")
    async def authenticate_auth_token(self, access_token: str) -> Value:
        """Whom a token acts for; logs nobody in. Throws ``AuthTokenRefused`` where it cannot be used."""
        info = await (await self._engine()).authenticate_auth_token(access_token)
        return {
            "userKey": info.user_key,
            "userName": info.user_name,
            "tokenKey": info.token_key,
            "providerKey": info.provider_key,
            "scope": info.scope,
            "data": info.data,
        }

    @_needs("authorize_token", "authorizeToken(authToken: AuthToken, userId: string, password?: string): string")
    async def authorize_token(self, auth_token: TokenArgument, user_id: str, password: str | None = None) -> Value:
        """Issue a token for a user in this realm; its text, shown this once. With ``password`` that user asks for it."""
        engine = await self._engine()
        text = await engine.authorize_token(auth_token.token(), user_id, password)
        return shown(await self.run.rules.auth_tokens.restore(text), text)

    @_needs("restore_auth_token", "restoreAuthToken(accessToken: string): AuthToken")
    async def restore_auth_token(self, access_token: str) -> Value:
        """The object of an issued token, expired or not; throws ``AuthTokenRefused`` for anything else."""
        return shown(await (await self._engine()).restore_auth_token(access_token))

    @_needs("update_auth_token", "updateAuthToken(authToken: AuthToken, userId?: string, password?: string): void")
    async def update_auth_token(
        self, auth_token: TokenArgument, user_id: str | None = None, password: str | None = None
    ) -> None:
        """Give a token another ``description`` and ``expires``: as this user, or as the one of ``userId`` and ``password``."""
        await (await self._engine_of(user_id, password)).update_auth_token(auth_token.token())

    @_needs("revoke_auth_token", "revokeAuthToken(accessToken: string): void")
    async def revoke_auth_token(self, access_token: str) -> None:
        """Revoke a token by its text, and all that it asked for, for good."""
        await (await self._engine()).revoke_auth_token(access_token)

    @_needs("revoke_auth_token_by_key", "revokeAuthTokenByKey(key: number, userId?: string, password?: string): void")
    async def revoke_auth_token_by_key(self, key: int, user_id: str | None = None, password: str | None = None) -> None:
        """Revoke a token by its key, and all that it asked for: as this user, or as the one of ``userId`` and ``password``."""
        await (await self._engine_of(user_id, password)).revoke_auth_token_by_key(key)

    # --- who asks ---

    async def _engine(self, *, recorded: bool = True) -> Rules:
        rules, access = self.run.rules, self.run.own_session().access
        device = access.session.device
        actor = await rules.actors.of(access, device.address) if access.account is not None else None
        return Rules(rules, actor, self.run.realm, access=access if recorded else None)

    async def _engine_of(self, user_id: str | None, password: str | None) -> Rules:
        """The engine's Security for this user, or for the one who shows a password."""
        here = await self._engine()
        if user_id is None:
            return here
        key = await here.authenticate_user(user_id, password or "")
        account = await self.run.rules.users.get(key) if key > 0 else None
        if account is None:
            raise WrongPassword
        scopes = await self.run.rules.actors.scopes(key)
        address = self.run.session.device.address
        actor = Actor(account.name, key, scopes.get(EVERYWHERE, NO_SCOPE), scopes, address=address)
        return Rules(self.run.rules, actor, self.run.realm)

    async def _groups(self, groups: list[Group] | None) -> list[str]:
        """``groups`` by name; raises ``GroupUnknown``."""
        directory = self.run.realm.config.directory

        async def name(key: int) -> str:
            return await self.run.rules.db.read(lambda connection: known_group_by_key(connection, directory, key))

        return [one if isinstance(one, str) else await name(one) for one in groups or ()]
