"""New passwords by mailed codes: who gets one, what it is good for, and that nothing tells who has an account."""

import asyncio
import re
from typing import Any

import pytest

from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.core.errors import (
    DelegatedHandle,
    InsufficientScope,
    SessionEnded,
    TooManyTries,
)
from sojourn.engine.passwords.mailing import Mailer
from sojourn.engine.passwords.reset import CODE_FOR, CodeRefused, Letter, NoMailAddress
from sojourn.engine.passwords.throttling import MAILS_AN_HOUR, OF_CODE
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST, Actor
from sojourn.identity.password import WeakPassword
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account
from sojourn.outbound.mail import Mail, MailFailed
from tests.engine.sessions.conftest import PASSWORD

pytestmark = pytest.mark.anyio

NEW = "quite another battery"
MAIL = "dora@example.org"
ORIGIN = "http://127.0.0.1:8420"


class Post:
    """Where mails arrive in these tests; it fails as often as it is told to."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.fails = 0

    async def send(self, mail: Mail) -> None:
        if self.fails:
            self.fails -= 1
            raise MailFailed
        self.mails.append(mail)

    @property
    def code(self) -> str:
        """The code of the last mail."""
        found = re.search(r"^    (\S+)$", self.mails[-1].text, re.MULTILINE)
        assert found is not None
        return found[1]


@pytest.fixture
def post(rules: Rules) -> Post:
    made = Post()
    rules.mailer._port = made
    rules.mailer._pauses = (0.0, 0.0)
    return made


@pytest.fixture
async def dora(rules: Rules) -> Account:
    return await rules.users.add("main", "dora", PASSWORD, MAIL)


async def asked(rules: Rules, realm: Realm, name: str = "dora", address: str = "") -> None:
    await rules.passwords.start_reset(realm, name, address)
    await rules.mailer.idle()


async def kinds(rules: Rules) -> list[tuple[str, str]]:
    return [(event.kind, event.outcome) for event in await rules.audit.recent()]


async def test_a_code_gives_a_new_password_and_everything_of_before_is_dead(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    done = await rules.logins.login(realm, "dora", PASSWORD, Device())
    assert done is not None
    await asked(rules, realm, MAIL)
    (mail,) = post.mails
    assert mail.to == MAIL
    assert ORIGIN in mail.text
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", post.code)
    assert await rules.passwords.check("main", "dora", PASSWORD)
    await rules.passwords.finish_reset(realm, "dora", post.code, NEW, "192.0.2.7")
    assert await rules.passwords.check("main", "dora", PASSWORD) is None
    assert await rules.passwords.check("main", "dora", NEW)
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm, done.handle, "cookie")
    assert ended.value.reason == "password-changed"
    await rules.mailer.idle()
    assert [mail.subject for mail in post.mails] == ["Your code for a new password", "Your password was changed"]
    assert "192.0.2.7" in post.mails[-1].text
    told = await kinds(rules)
    for kind in ("PASSWORD_RESET_REQUEST", "PASSWORD_RESET_CONFIRMATION", "PASSWORD_CHANGE"):
        assert (kind, "ok") in told


async def test_neither_code_nor_password_stands_in_log_or_store(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await asked(rules, realm)
    subject = rules.throttling.account(dora.key)
    from sojourn.engine.passwords.reset import _name

    kept = await rules.store.look(_name(subject), rules.clock.now())  # type: ignore[attr-defined]
    assert kept
    assert post.code not in kept
    await rules.passwords.finish_reset(realm, "dora", post.code, NEW)
    text = repr(await rules.audit.recent())
    assert post.code not in text
    assert NEW not in text


async def test_a_code_is_good_once_and_of_20_at_once_one_wins(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await asked(rules, realm)
    code = post.code
    tries = [rules.passwords.finish_reset(realm, "dora", code, f"{NEW} {at}") for at in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, Account) for outcome in outcomes) == 1
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", code, NEW)


@pytest.mark.parametrize("who", ["dora", "nobody", "nomail"])
async def test_a_wrong_code_is_refused_alike_for_every_name(
    rules: Rules, realm: Realm, dora: Account, post: Post, who: str
) -> None:
    await rules.users.add("main", "nomail", PASSWORD)
    await asked(rules, realm, who)
    for code in ("", "AAAAAAAAAAA", "x" * 5_000, "\ud800", *["BBBBBBBBBBB"] * 10):
        with pytest.raises(CodeRefused):
            await rules.passwords.finish_reset(realm, who, code, NEW)


async def test_five_tries_and_then_the_right_code_is_refused_too_until_a_new_one_comes(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await asked(rules, realm)
    for name in ("dora", MAIL, "DORA", "dora", "dora")[:OF_CODE]:
        with pytest.raises(CodeRefused):
            await rules.passwords.finish_reset(realm, name, "AAAAAAAAAAA", NEW)
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", post.code, NEW)
    await asked(rules, realm)
    await rules.passwords.finish_reset(realm, "dora", post.code, NEW)


async def test_a_code_dies_after_ten_minutes(
    rules: Rules, realm: Realm, dora: Account, post: Post, clock: ManualClock
) -> None:
    await asked(rules, realm)
    clock.advance(CODE_FOR)
    assert CODE_FOR == 10 * MINUTE
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", post.code, NEW)


async def test_only_the_last_code_is_live(rules: Rules, realm: Realm, dora: Account, post: Post) -> None:
    await asked(rules, realm)
    first = post.code
    await asked(rules, realm)
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", first, NEW)
    await rules.passwords.finish_reset(realm, "dora", post.code, NEW)


async def test_a_code_is_good_for_its_own_account_only(rules: Rules, realm: Realm, dora: Account, post: Post) -> None:
    await rules.users.add("main", "emil", PASSWORD, "emil@example.org")
    await asked(rules, realm, "emil")
    emils = post.code
    await asked(rules, realm, "dora")
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", emils, NEW)


async def test_a_code_of_before_a_change_of_the_password_is_useless(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await asked(rules, realm)
    code = post.code
    await rules.passwords.set(HOST, dora.key, NEW)
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", code, f"{NEW} again")


async def test_a_code_that_went_to_an_address_of_before_is_useless(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await asked(rules, realm)
    code = post.code
    await rules.users.set_email(dora.key, "new@example.org")
    with pytest.raises(CodeRefused):
        await rules.passwords.finish_reset(realm, "dora", code, NEW)
    await rules.mailer.idle()
    assert {mail.to for mail in post.mails[1:]} == {MAIL, "new@example.org"}


async def test_a_weak_password_leaves_the_code_as_it_was(rules: Rules, realm: Realm, dora: Account, post: Post) -> None:
    await asked(rules, realm)
    for _ in range(2 * OF_CODE):
        with pytest.raises(WeakPassword):
            await rules.passwords.finish_reset(realm, "dora", post.code, "short")
    await rules.passwords.finish_reset(realm, "dora", post.code, NEW)


async def test_three_mails_an_hour_and_no_more(
    rules: Rules, realm: Realm, dora: Account, post: Post, clock: ManualClock
) -> None:
    for _ in range(MAILS_AN_HOUR + 3):
        await asked(rules, realm)
    assert len(post.mails) == MAILS_AN_HOUR == 3
    clock.advance(HOUR)
    await asked(rules, realm)
    assert len(post.mails) == MAILS_AN_HOUR + 1


async def test_who_cannot_have_one_gets_no_mail(rules: Rules, realm: Realm, dora: Account, post: Post) -> None:
    await rules.users.add("main", "nomail", PASSWORD)
    await rules.users.add("main", "oidc", None, "oidc@example.org")
    for state in ("locked", "disabled"):
        made = await rules.users.add("main", state, PASSWORD, f"{state}@example.org")
        await rules.users.set_state(made.key, state)
    for name in ("nomail", "oidc", "locked", "disabled", "nobody", "", "\ud800", "x" * 10_000):
        await asked(rules, realm, name)
    assert post.mails == []


async def test_a_neighbourhood_that_asks_too_often_waits(rules: Rules, realm: Realm, dora: Account, post: Post) -> None:
    for at in range(10):
        await asked(rules, realm, f"name{at}", "198.51.100.7")
    with pytest.raises(TooManyTries):
        await asked(rules, realm, "dora", "198.51.100.9")
    await asked(rules, realm, "dora", "192.0.2.7")


async def test_an_operator_starts_one_with_the_right_over_the_account(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await rules.grants.grant("dora", "cart.read")
    ola = Actor("ola", 77, everywhere=frozenset({"security.manageUsers"}))
    with pytest.raises(InsufficientScope):
        await rules.passwords.start_reset_for(ola, dora.key)
    wide = ola._replace(everywhere=frozenset({"security.manageUsers", "cart.read"}))
    with pytest.raises(DelegatedHandle):
        await rules.passwords.start_reset_for(wide._replace(delegated=True), dora.key)
    assert post.mails == []
    await rules.passwords.start_reset_for(wide, dora.key, Letter("Code: {$confirmationCode}", "The Shop"))
    await rules.mailer.idle()
    (mail,) = post.mails
    assert mail.sender_name == "The Shop"
    await rules.passwords.finish_reset(realm, "dora", mail.text.removeprefix("Code: "), NEW)
    nomail = await rules.users.add("main", "nomail", PASSWORD)
    with pytest.raises(NoMailAddress):
        await rules.passwords.start_reset_for(HOST, nomail.key)
    for _ in range(2):
        await rules.passwords.start_reset_for(HOST, dora.key)
    with pytest.raises(TooManyTries):
        await rules.passwords.start_reset_for(HOST, dora.key)


async def test_a_change_is_told_to_the_owner_and_a_new_mail_address_to_both(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    await rules.passwords.set(HOST, dora.key, NEW)
    await rules.notices.mail_changed(dora, MAIL, "new@example.org")
    await rules.mailer.idle()
    assert sorted((mail.to, mail.subject) for mail in post.mails) == [
        (MAIL, "Your mail address was changed"),
        (MAIL, "Your password was changed"),
        ("new@example.org", "Your mail address was changed"),
    ]


async def test_a_mail_is_tried_again_and_one_that_cannot_be_sent_is_audited(
    rules: Rules, realm: Realm, dora: Account, post: Post
) -> None:
    post.fails = 2
    await asked(rules, realm)
    assert len(post.mails) == 1
    assert ("PASSWORD_RESET_REQUEST", "failed") not in await kinds(rules)
    post.fails = 3
    await asked(rules, realm)
    assert len(post.mails) == 1
    assert ("PASSWORD_RESET_REQUEST", "failed") in await kinds(rules)


async def test_what_waits_is_bounded_and_what_does_not_fit_is_audited(rules: Rules, monkeypatch: Any) -> None:
    monkeypatch.setattr("sojourn.engine.passwords.mailing.MOST_WAITING", 5)
    gate = asyncio.Event()

    class Slow(Post):
        async def send(self, mail: Mail) -> None:
            await gate.wait()
            await super().send(mail)

    slow = Slow()
    mailer = Mailer(lambda: slow, rules.audit)

    async def compose() -> Mail:
        return Mail(MAIL, "x", "y")

    sent = [await mailer.post("USER_CHANGE", compose, realm="", detail={}) for _ in range(8)]
    assert sent == [True] * 5 + [False] * 3
    gate.set()
    await mailer.idle()
    assert len(slow.mails) == 5
    assert (await kinds(rules)).count(("USER_CHANGE", "failed")) == 3


async def test_what_is_left_when_the_engine_closes_is_audited(rules: Rules, monkeypatch: Any) -> None:
    monkeypatch.setattr("sojourn.engine.passwords.mailing.PATIENCE", 0.01)

    class Stuck(Post):
        async def send(self, mail: Mail) -> None:
            await asyncio.Event().wait()

    mailer = Mailer(Stuck, rules.audit)

    async def compose() -> Mail:
        return Mail(MAIL, "x", "y")

    assert await mailer.post("USER_CHANGE", compose, realm="", detail={"name": "dora"})
    await asyncio.sleep(0)
    await mailer.close()
    (event, *_) = await rules.audit.recent()
    assert (event.kind, event.outcome) == ("USER_CHANGE", "failed")
    assert "mail.interrupted" in event.detail
    assert not await mailer.post("USER_CHANGE", compose, realm="", detail={})
