"""Each method of Security by who calls it, and what it does for who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
import pytest

from sojourn.core.errors import (
    AuthTokenRefused,
    DelegatedHandle,
    FreshLoginRequired,
    InsufficientScope,
    SojournError,
    Unauthorized,
)
from sojourn.core.ids import is_id
from sojourn.engine.accounts.directory import MAIN, GroupUnknown, NameTaken, UserUnknown
from sojourn.engine.accounts.grants import GrantShipped, RealmUnknown
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.keys.secrets import BadSecret
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.passwords.credentials import AccountUnusable
from sojourn.engine.passwords.passwords import WrongPassword
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST, Actor
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF, Need, declared
from sojourn.engine.security.methods import NEEDS, Security
from sojourn.identity.password import PasswordHasher
from sojourn.model.dbkeys import AuthPolicy, BadUserState, UserState
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.token import AuthToken
from sojourn.model.user import Account
from tests.engine.sessions.conftest import PASSWORD

pytestmark = pytest.mark.anyio

#: All administrative scopes but root, so that each row can be asked with all but its own.
ADMINISTRATIVE = {
    "security.viewUsers",
    "security.manageUsers",
    "security.changeUserPassword",
    "security.managePermissions",
    "security.manageTokens",
    "security.issueImpersonationToken",
    "security.permanentToken",
}

ADMINISTRATIVE_SET = frozenset(ADMINISTRATIVE)

#: Scopes that hold the place of another one too.
INCLUDES = {"security.viewUsers": {"security.manageUsers"}}


class Place(NamedTuple):
    """What the methods are called about."""

    rules: Rules
    target: Account
    group: int
    token: AuthToken
    text: str


NEW = "another four plain words"

Call = Callable[[Security, Place], Awaitable[object]]

CALLS: dict[str, Call] = {
    "create_user": lambda security, place: security.create_user("new", None, ["staff"]),
    "find_user": lambda security, place: security.find_user("anna"),
    "delete_user": lambda security, place: security.delete_user(place.target.key),
    "set_user_status": lambda security, place: security.set_user_status(place.target.key, "locked"),
    "get_user_status": lambda security, place: security.get_user_status(place.target.key),
    "set_user_account_type": lambda security, place: security.set_user_account_type(place.target.key, "support"),
    "get_user_account_type": lambda security, place: security.get_user_account_type(place.target.key),
    "user_signature_is_valid": lambda security, place: security.user_signature_is_valid(place.target.key),
    "is_administrator": lambda security, place: security.is_administrator(place.target.key),
    "is_developer": lambda security, place: security.is_developer(place.target.key),
    "get_auth_policy": lambda security, place: security.get_auth_policy(place.target.key),
    "get_auth_policy_class": lambda security, place: security.get_auth_policy_class(place.target.key),
    "create_group": lambda security, place: security.create_group("new", ["staff"]),
    "delete_group": lambda security, place: security.delete_group(place.group),
    "get_user_and_groups_keys": lambda security, place: security.get_user_and_groups_keys(place.target.key),
    "get_user_scopes": lambda security, place: security.get_user_scopes(place.target.key),
    "user_has_scope": lambda security, place: security.user_has_scope(place.target.key, "cart.read"),
    "grant_scope": lambda security, place: security.grant_scope("staff", "cart.read"),
    "revoke_scope": lambda security, place: security.revoke_scope("staff", "cart.read"),
    "encrypt_secret": lambda security, place: security.encrypt_secret(7, "hidden"),
    "authenticate_user": lambda security, place: security.authenticate_user("anna", "wrong words of mine"),
    "authenticate_auth_token": lambda security, place: security.authenticate_auth_token(place.text),
    "change_password": lambda security, place: security.change_password(place.target.key, PASSWORD, NEW),
    "set_password": lambda security, place: security.set_password(place.target.key, "another four plain words"),
    "restore_auth_token": lambda security, place: security.restore_auth_token(place.text),
    "authorize_token": lambda security, place: security.authorize_token(AuthToken("cart.read"), "op"),
    "update_auth_token": lambda security, place: security.update_auth_token(place.token),
    "revoke_auth_token": lambda security, place: security.revoke_auth_token(place.text),
    "revoke_auth_token_by_key": lambda security, place: security.revoke_auth_token_by_key(place.token.key),
}

#: What the methods that an account may call about itself say about somebody else's account.
SCOPED = {name: need for name, need in NEEDS.items() if need.right not in {ANYONE, LOGGED_IN, SELF}}


def acting(account: Account, *scopes: str, delegated: bool = False) -> Actor:
    """The account as it would act with what anna has and these scopes, everywhere."""
    held = frozenset({"cart.read", "cart.write", *scopes})
    return Actor(account.name, account.key, held, {EVERYWHERE: held}, delegated=delegated)


@pytest.fixture
async def op(rules: Rules) -> Account:
    """An account with what anna has, and nothing administrative."""
    made = await rules.users.add(MAIN, "op", None)
    for scope in ("cart.read", "cart.write"):
        await rules.grants.grant("op", scope)
    return made


Fresh = Callable[[], Awaitable[Place]]


@pytest.fixture
def fresh(rules: Rules, op: Account) -> Fresh:
    """Makes what the methods are called about, under the same names each time."""

    async def make() -> Place:
        for name in ("new", "anna"):
            if account := await rules.users.find(MAIN, name):
                await rules.users.delete(account.key)
        for group in await rules.users.groups.list():
            if group.kind == "group":
                await rules.users.groups.delete(group.name)
        target = await rules.users.add(MAIN, "anna", None)
        await rules.grants.grant("anna", "cart.read")
        staff = await rules.users.groups.add("staff")
        token = AuthToken("cart.read")
        done = await rules.auth_tokens.authorize(acting(op), op, token, acme(rules).id)
        return Place(rules, target, staff.key, token, done.text)

    return make


def acme(rules: Rules) -> Realm:
    found = rules.realms.get("acme")
    assert found is not None
    return found


async def outcome(name: str, actor: Actor | None, place: Place) -> str:
    """What a call comes to: ``done`` or the code of the refusal."""
    try:
        await CALLS[name](Security(place.rules, actor, acme(place.rules)), place)
    except SojournError as error:
        return error.code
    return "done"


def test_every_method_is_called_here() -> None:
    assert set(CALLS) == set(NEEDS)
    assert all(need.seed for need in NEEDS.values())


def test_a_method_without_a_declaration_cannot_be_imported() -> None:
    class Hole(Security):
        async def open_everything(self) -> None:
            """Nobody said who may."""

    with pytest.raises(TypeError, match="open_everything declares no right"):
        declared(Hole)


async def test_with_everything_but_the_right_each_is_refused(fresh: Fresh, op: Account) -> None:
    """Each row of docs/reference/rights.md."""
    place = await fresh()
    for name, need in SCOPED.items():
        rest = ADMINISTRATIVE - {need.right} - INCLUDES.get(need.right, set())
        assert (name, await outcome(name, acting(op, *rest), place)) == (name, InsufficientScope.code)
    assert await place.rules.users.get(place.target.key) == place.target


async def test_with_the_right_each_is_admitted(fresh: Fresh, op: Account) -> None:
    """Each row of docs/reference/rights.md."""
    for name, need in NEEDS.items():
        if need.right == SELF:
            continue
        scopes = [need.right] if name in SCOPED else []
        assert (name, await outcome(name, acting(op, *scopes), await fresh())) == (name, "done")


async def test_nobody_may_do_only_what_anyone_may(fresh: Fresh) -> None:
    for name, need in NEEDS.items():
        wanted = "done" if need.right == ANYONE else Unauthorized.code
        assert (name, await outcome(name, None, await fresh())) == (name, wanted)


async def test_a_delegated_handle_does_none_of_what_takes_a_scope(fresh: Fresh, op: Account) -> None:
    place, actor = await fresh(), acting(op, *ADMINISTRATIVE, "security.root", delegated=True)
    for name in SCOPED:
        assert (name, await outcome(name, actor, place)) == (name, DelegatedHandle.code)


@pytest.mark.parametrize("where", ["acme", "*"])
async def test_nobody_takes_over_who_has_more(fresh: Fresh, op: Account, where: str) -> None:
    """security.md §5."""
    for name in (name for name, need in NEEDS.items() if need.over):
        place = await fresh()
        await place.rules.grants.grant("anna", "more", where if where == "*" else acme(place.rules).id)
        assert (name, await outcome(name, acting(op, *ADMINISTRATIVE), place)) == (name, InsufficientScope.code)
        assert (name, await outcome(name, acting(op, *ADMINISTRATIVE, "more"), place)) == (name, "done")
        place = await fresh()
        await place.rules.grants.grant("anna", "more", where if where == "*" else acme(place.rules).id)
        assert (name, await outcome(name, acting(op, "security.root"), place)) == (name, "done")


async def test_nobody_gives_or_takes_what_he_does_not_have(fresh: Fresh, op: Account) -> None:
    """security.md §5."""
    for name in ("create_user", "create_group", "delete_group", "grant_scope", "revoke_scope"):
        place = await fresh()
        rules, actor = place.rules, acting(op, *ADMINISTRATIVE)
        if name in {"grant_scope", "revoke_scope"}:
            actor = actor._replace(everywhere=ADMINISTRATIVE_SET, in_realm={EVERYWHERE: ADMINISTRATIVE_SET})
        else:
            await rules.grants.grant("staff", "more")
        assert (name, await outcome(name, actor, place)) == (name, InsufficientScope.code)
        assert (name, await outcome(name, acting(op, "security.root"), place)) == (name, "done")


async def test_an_account_that_is_made_has_what_everyone_has(fresh: Fresh, op: Account) -> None:
    place = await fresh()
    await place.rules.grants.grant("everyone", "more")
    actor = acting(op, "security.manageUsers")
    assert await outcome("create_user", actor, place) == InsufficientScope.code
    assert await outcome("create_user", acting(op, "security.manageUsers", "more"), place) == "done"


async def test_everybody_may_ask_about_himself(fresh: Fresh, op: Account) -> None:
    place = (await fresh())._replace(target=op)
    for name in (name for name, need in NEEDS.items() if need.own and not need.over):
        assert (name, await outcome(name, acting(op), place)) == (name, "done")


async def test_a_right_over_accounts_is_needed_in_every_realm_of_their_directory(
    rules: Rules, fresh: Fresh, op: Account
) -> None:
    place = await fresh()
    realms = [realm for realm in rules.realms.all() if realm.config.directory == MAIN]
    assert len(realms) > 1
    manage = frozenset({"security.manageUsers", "cart.read"})
    some = Actor("op", op.key, in_realm={realm.id: manage for realm in realms[:-1]})
    assert await outcome("set_user_status", some, place) == InsufficientScope.code
    assert await outcome("find_user", some, place) == "done"
    every = Actor("op", op.key, frozenset({"cart.read"}), {realm.id: manage for realm in realms})
    assert await outcome("set_user_status", every, place) == "done"


async def test_an_old_login_of_a_client_changes_nothing_of_its_own(rules: Rules, realm: Realm, anna: Account) -> None:
    begun = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert begun is not None
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    session = msgspec.structs.replace(
        access.session, identity=msgspec.structs.replace(access.session.identity, login_at=1)
    )
    old = msgspec.structs.replace(access, session=session)
    security = Security(rules, await rules.actors.of(old), realm, access=old)
    for name in sorted(name for name, need in NEEDS.items() if need.fresh):
        with pytest.raises(FreshLoginRequired):
            await CALLS[name](security, Place(rules, anna, 0, AuthToken("cart.read"), ""))
    assert await security.get_user_status(anna.key) == UserState.ACTIVE


async def test_with_its_password_a_token_of_another_account_is_authorized_from_within_a_session(
    rules: Rules, realm: Realm, anna: Account, op: Account
) -> None:
    # The two accounts differ in how often everything of theirs was ended.
    await rules.passwords.set(HOST, op.key, NEW)
    begun = await rules.logins.login(realm, "op", NEW, Device())
    assert begun is not None
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    security = Security(rules, await rules.actors.of(access), realm, access=access)
    text = await security.authorize_token(AuthToken("cart.read"), "anna", PASSWORD)
    assert (await security.authenticate_auth_token(text)).user_key == anna.key


@pytest.mark.parametrize("whose", ["anna", "op"])
async def test_a_token_that_is_authorized_while_the_password_is_reset_is_not_written(
    rules: Rules, anna: Account, op: Account, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """The old password was right a moment ago, and the session of who asks was alive; the reset revoked what there was."""
    realm = acme(rules)
    await rules.passwords.set(HOST, op.key, NEW)
    begun = await rules.logins.login(realm, "op", NEW, Device())
    assert begun is not None
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    security = Security(rules, await rules.actors.of(access), realm, access=access)
    authenticate = rules.logins.authenticate

    async def authenticated_before_the_reset(*arguments: object, **options: object) -> Account | None:
        found = await authenticate(*arguments, **options)  # type: ignore[arg-type]
        await rules.passwords.set(HOST, {"anna": anna, "op": op}[whose].key, "yet another battery of words")
        return found

    monkeypatch.setattr(rules.logins, "authenticate", authenticated_before_the_reset)
    with pytest.raises(SojournError) as refused:
        await security.authorize_token(AuthToken("cart.read"), "anna", PASSWORD)
    assert refused.value.code == "session.stale"
    assert await rules.auth_tokens.list(anna.key) == []


# --- what the methods do ---


@pytest.fixture
def host(rules: Rules) -> Security:
    return Security(rules, HOST)


async def test_users_are_found_by_name_or_mail_and_a_mail_is_one_user_only(rules: Rules, host: Security) -> None:
    """§5: findUser is null when none, or when an e-mail matches more than one; here it never does."""
    key = await host.create_user("Ann", None)
    await rules.users.set_email(key, "Ann@Example.org")
    assert [await host.find_user(name) for name in ("ann", "ANN@example.ORG", "nobody", "x@y")] == [
        key,
        key,
        None,
        None,
    ]
    other = await host.create_user("other", None)
    with pytest.raises(NameTaken):
        await rules.users.set_email(other, "ann@example.org")


async def test_states_have_the_keys_of_the_reference(host: Security, anna: Account) -> None:
    """§5.1."""
    for state, key in (
        ("active", -1898143909),
        ("locked", -1898143908),
        ("disabled", -1898141728),
        ("expired", -1898143907),
    ):
        await host.set_user_status(anna.key, key)
        assert await host.get_user_status(anna.key) == key
        await host.set_user_status(anna.key, state)
        assert await host.get_user_status(anna.key) == UserState(key)
    for wrong in (0, 1, "deleted", ""):
        with pytest.raises(BadUserState):
            await host.set_user_status(anna.key, wrong)


async def test_expired_raises_for_accounts_of_an_external_authorizer(host: Security, anna: Account) -> None:
    """§5: setting Expired raises when the user's policy relies on an external authorizer."""
    external = await host.create_user("external", None)
    with pytest.raises(ExternalAuthorizer):
        await host.set_user_status(external, UserState.EXPIRED)
    assert await host.get_user_status(external) == UserState.ACTIVE
    assert await host.get_auth_policy(external) is AuthPolicy.EXTERNAL
    assert await host.get_auth_policy_class(anna.key) is AuthPolicy.DEFAULT
    assert (int(AuthPolicy.EXTERNAL), int(AuthPolicy.DEFAULT)) == (-1898139694, -1898141725)
    group = await host.create_group("staff")
    assert await host.get_auth_policy(group) == AuthPolicy.DEFAULT


async def test_types_and_signature(host: Security, anna: Account) -> None:
    assert await host.get_user_account_type(anna.key) == "standard"
    await host.set_user_account_type(anna.key, "support")
    assert await host.get_user_account_type(anna.key) == "support"
    assert await host.user_signature_is_valid(anna.key)


async def test_keys_of_user_and_groups(rules: Rules, host: Security) -> None:
    """§5: the user first, then groups by priority, depth-first, everyone last."""
    top = await host.create_group("top")
    staff = await host.create_group("staff", ["top"])
    ann = await host.create_user("ann", None, ["staff", "top"])
    everyone = next(group.key for group in await rules.users.groups.list() if group.kind == "everyone")
    assert await host.get_user_and_groups_keys(ann) == [ann, staff, top, everyone]
    await host.delete_group(top)
    assert await host.get_user_and_groups_keys(ann) == [ann, staff, everyone]
    with pytest.raises(GroupUnknown):
        await host.delete_group(ann)


async def test_scopes_are_given_by_name_or_key_of_user_group_or_role(
    rules: Rules, host: Security, anna: Account, realm: Realm
) -> None:
    """§5: grantScope and revokeScope have no effect when there is nothing to do; revoking what was shipped raises."""
    within = Security(rules, HOST, realm)
    clerk = await rules.users.groups.add("clerk", kind="role")
    await rules.users.groups.join("anna", ["clerk"])
    for _ in range(2):
        await within.grant_scope(clerk.key, "stock.read")
    assert await within.user_has_scope(anna.key, "stock.read")
    assert not await host.user_has_scope(anna.key, "stock.read")
    assert await within.get_user_scopes(anna.key) == ["cart.read", "cart.write", "stock.read"]
    for _ in range(2):
        await within.revoke_scope("clerk", "stock.read")
    assert await within.get_user_scopes(anna.key) == ["cart.read", "cart.write"]
    await rules.grants.grant("clerk", "stock.write", product="shop")
    with pytest.raises(GrantShipped):
        await host.revoke_scope("clerk", "stock.write")
    await within.grant_scope("anna", "all", "*")
    assert await host.user_has_scope(anna.key, "all")
    with pytest.raises(RealmUnknown):
        await host.grant_scope("anna", "all", "nowhere")
    with pytest.raises(UserUnknown):
        await host.grant_scope(999, "all")


async def test_administrators_and_developers(rules: Rules, host: Security, anna: Account, realm: Realm) -> None:
    assert not await host.is_administrator(anna.key)
    assert not await host.is_developer(anna.key)
    await rules.grants.grant("anna", "security.root")
    await rules.grants.grant("anna", "engine.deploy:acme", realm.id)
    assert await host.is_administrator(anna.key)
    assert await host.is_developer(anna.key)


async def test_accounts_of_another_directory_are_unknown(rules: Rules, host: Security) -> None:
    far = await rules.users.add("elsewhere", "far", None)
    assert await host.find_user("far") is None
    with pytest.raises(UserUnknown):
        await host.get_user_status(far.key)


async def test_a_secret_is_for_one_record_and_for_the_engine(rules: Rules, host: Security) -> None:
    """§5: encryptSecret."""
    text = await host.encrypt_secret(7, "hidden")
    assert "hidden" not in text
    assert not is_id(text)
    assert await rules.secrets.decrypt(7, text) == "hidden"
    for key, shown in ((8, text), (7, text[:-2] + "AA"), (7, "hidden"), (7, "sje1_"), (7, "sje1_%%")):
        with pytest.raises(BadSecret):
            await rules.secrets.decrypt(key, shown)


async def test_a_target_that_gets_more_before_the_act_is_safe(
    rules: Rules, fresh: Fresh, op: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is asked again in the transaction of the act."""
    place = await fresh()
    security = Security(rules, acting(op, "security.manageUsers"), acme(rules))
    admit = security.admit

    async def slow(need: Need, about: int | None) -> None:
        await admit(need, about)
        await rules.grants.grant("anna", "security.root")

    monkeypatch.setattr(security, "admit", slow)
    with pytest.raises(InsufficientScope):
        await security.delete_user(place.target.key)
    assert await rules.users.get(place.target.key) == place.target


async def test_a_target_that_gets_more_while_its_new_password_is_hashed_is_safe(
    rules: Rules, fresh: Fresh, op: Account, hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await fresh()
    security = Security(rules, acting(op, "security.changeUserPassword"), acme(rules))
    hash_of = hasher.hash

    async def hashed_slowly(password: str) -> str:
        await rules.grants.grant("anna", "security.root")
        return await hash_of(password)

    monkeypatch.setattr(hasher, "hash", hashed_slowly)
    with pytest.raises(InsufficientScope):
        await security.set_password(place.target.key, NEW)
    assert await rules.users.get(place.target.key) == place.target


async def test_what_is_for_the_account_itself_is_for_nobody_else(fresh: Fresh, op: Account) -> None:
    for name in (name for name, need in NEEDS.items() if need.right == SELF):
        place = await fresh()
        assert (name, await outcome(name, acting(op, "security.root"), place)) == (name, InsufficientScope.code)


async def test_credentials_are_checked_without_a_login(rules: Rules, realm: Realm, anna: Account) -> None:
    """§21 (4), (5): by name or mail; -1 for wrong ones; an error for a locked account with the right password."""
    security = Security(rules, None, realm)
    await rules.users.set_email(anna.key, "anna@example.org")
    for name in ("anna", "ANNA@example.org"):
        assert await security.authenticate_user(name, PASSWORD) == anna.key
    for name, password in (("anna", "wrong words of mine"), ("nobody", PASSWORD), ("nobody@example.org", PASSWORD)):
        assert await security.authenticate_user(name, password) == -1
    await rules.users.set_state(anna.key, "locked")
    with pytest.raises(AccountUnusable):
        await security.authenticate_user("anna", PASSWORD)
    assert await security.authenticate_user("anna", "wrong words of mine") == -1
    with pytest.raises(RealmUnknown):
        await Security(rules, None).authenticate_user("anna", PASSWORD)


async def test_a_password_login_has_exactly_the_scopes_of_its_user(rules: Rules, realm: Realm, anna: Account) -> None:
    """§21 (7)."""
    begun = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert begun is not None
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    security = Security(rules, await rules.actors.of(access), realm, access=access)
    assert access.scope == {"cart.read", "cart.write"}
    assert await security.get_user_scopes(anna.key) == ["cart.read", "cart.write"]


async def test_tokens_are_authorized_read_and_revoked(rules: Rules, realm: Realm, anna: Account, op: Account) -> None:
    own = Security(rules, acting(anna), realm)
    text = await own.authorize_token(AuthToken("cart.read", "note"), "anna")
    info = await own.authenticate_auth_token(text)
    assert (info.user_key, info.user_name, info.scope, info.data) == (anna.key, "anna", "cart.read", "note")
    assert info.provider_key is None
    other = Security(rules, acting(op), realm)
    with pytest.raises(InsufficientScope):
        await other.authorize_token(AuthToken("cart.read"), "anna")
    with pytest.raises(InsufficientScope):
        await other.authorize_token(AuthToken("cart.read"), "nobody")
    shown = await other.authorize_token(AuthToken("cart.read"), "anna", PASSWORD)
    assert (await own.authenticate_auth_token(shown)).user_key == anna.key
    with pytest.raises(WrongPassword):
        await other.authorize_token(AuthToken("cart.read"), "anna", "wrong words of mine")
    assert info.token_key is not None
    await own.revoke_auth_token_by_key(info.token_key)
    with pytest.raises(AuthTokenRefused):
        await own.authenticate_auth_token(text)
    with pytest.raises(AuthTokenRefused):
        await own.authenticate_auth_token("sjs_nothing")


async def test_the_own_password_is_changed_with_the_present_one(rules: Rules, realm: Realm, anna: Account) -> None:
    begun = await rules.logins.login(realm, "anna", PASSWORD, Device())
    assert begun is not None
    access = await rules.sessions.open(realm, begun.handle, "cookie")
    own = Security(rules, await rules.actors.of(access), realm, access=access)
    with pytest.raises(WrongPassword):
        await own.change_password(anna.key, "wrong words of mine", NEW)
    await own.change_password(anna.key, PASSWORD, NEW)
    assert await own.authenticate_user("anna", NEW) == anna.key
    task = Security(rules, acting(anna), realm)
    with pytest.raises(WrongPassword):
        await task.change_password(anna.key, PASSWORD, "once more four plain words")
    await task.change_password(anna.key, NEW, "once more four plain words")
    assert await own.authenticate_user("anna", NEW) == -1
    external = await rules.users.add(MAIN, "external", None)
    with pytest.raises(ExternalAuthorizer):
        await Security(rules, acting(external), realm).change_password(external.key, "", NEW)
