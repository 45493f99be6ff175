"""Passwords: Argon2id in a bounded pool, one answer and one time for every failure."""

import asyncio
import subprocess
import sys
import threading
import unicodedata

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.core.errors import LoginBusy
from sojourn.identity.password import Cost, PasswordHasher, WeakPassword
from sojourn.identity.weak import common_passwords, weakness
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

CHEAP = Cost(memory=8, passes=1)


async def test_the_default_is_argon2id_at_owasps_cost_and_is_salted() -> None:
    hasher = PasswordHasher()
    first, second = [await hasher.hash("the lamp stood by the sea") for _ in range(2)]
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await hasher.verify(first, "the lamp stood by the sea")
    hasher.close()


async def test_only_the_very_password_fits() -> None:
    hasher = PasswordHasher(CHEAP, workers=1)
    password = "ångström " + "x" * 900 + " 雪"
    stored = await hasher.hash(password)
    assert await hasher.verify(stored, password)
    assert await hasher.verify(stored, unicodedata.normalize("NFD", password))
    for wrong in (
        "",
        password[:-1],
        password.upper(),
        password + " ",
        password.replace("å", "a"),
        "x" * 2_000,
        "\ud800",
    ):
        assert not await hasher.verify(stored, wrong)
    assert not await hasher.verify(await hasher.hash(""), "x" * 2_000)


async def test_nobody_fits_nobody() -> None:
    hasher = PasswordHasher(CHEAP, workers=1)
    for password in ("", "x", "x" * 2_000, "\ud800"):
        assert not await hasher.verify(None, password)
        assert not await hasher.verify("", password)
        assert not await hasher.verify("no hash at all", password)


async def test_an_unknown_user_costs_one_hash_of_the_same_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        seen.append(argon2.extract_parameters(stored))
        return verify(self, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    hasher = PasswordHasher(CHEAP, workers=1)
    known = await hasher.hash("the lamp stood by the sea")
    for stored in (known, None):
        for password in ("wrong", "x" * 2_000):
            assert not await hasher.verify(stored, password)
    assert len(seen) == 4
    assert len(set(map(str, seen))) == 1


async def test_a_password_that_is_too_long_is_refused_and_never_cut() -> None:
    hasher = PasswordHasher(CHEAP, workers=1)
    assert await hasher.verify(await hasher.hash("x" * 1_024), "x" * 1_024)
    for password in ("x" * 1_025, "\ud800" * 20):
        with pytest.raises(WeakPassword) as refused:
            await hasher.hash(password)
        assert refused.value.reason == "long"


async def test_a_dearer_cost_asks_for_a_new_hash() -> None:
    stored = await PasswordHasher(CHEAP, workers=1).hash("the lamp stood by the sea")
    assert not PasswordHasher(CHEAP).needs_rehash(stored)
    assert PasswordHasher(Cost(memory=16, passes=1)).needs_rehash(stored)


async def test_beyond_the_queue_a_login_is_told_to_come_back_and_room_returns() -> None:
    hasher = PasswordHasher(CHEAP, workers=1, queue=2)
    stored = await hasher.hash("the lamp stood by the sea")
    gate = threading.Event()
    hasher._pool.submit(gate.wait)
    waiting = [asyncio.ensure_future(hasher.verify(stored, "the lamp stood by the sea")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(LoginBusy):
        await hasher.verify(stored, "the lamp stood by the sea")
    waiting.pop().cancel()
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await hasher.verify(stored, "the lamp stood by the sea")
    hasher.close()
    with pytest.raises(LoginBusy):
        await hasher.hash("the lamp stood by the sea")


async def test_the_event_loop_goes_on_while_a_hash_is_computed() -> None:
    hasher = PasswordHasher(CHEAP, workers=1)
    gate = threading.Event()
    hasher._pool.submit(gate.wait)
    waiting = asyncio.ensure_future(hasher.hash("the lamp stood by the sea"))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    assert (await waiting).startswith("$argon2id$")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "short"),
        ("fourteen chars", "short"),
        ("x" * 1_025, "long"),
        ("aaaaaaaaaaaaaaaaaaaa", "common"),
        ("abcabcabcabcabcabc", "common"),
        ("PasswordPassword", "common"),
        ("passwordpasswordpassword", "common"),
        ("correct horse battery staple", "common"),
        ("Qwertyuiopasdfghjkl", "common"),
        ("sunshine1sunshine1", "common"),
        ("Annabel.Wonderland", "name"),
        ("annabel.wonderland", "name"),
        ("wonderful.mailbox", "name"),
        ("wonderful.mailbox@example.org", "name"),
        ("dnalrednow.lebanna", "name"),
    ],
)
def test_a_password_that_others_guess_is_refused_with_the_reason(password: str, reason: str) -> None:
    names = ("annabel.wonderland", "wonderful.mailbox@example.org")
    found = weakness(password, names, 15)
    assert found is not None
    assert found[0] == reason
    with pytest.raises(WeakPassword) as refused:
        PasswordHasher(CHEAP).check_new(password, names=names)
    assert (refused.value.reason, refused.value.code, refused.value.status) == (reason, "user.weak_password", 400)


@pytest.mark.parametrize(
    "password",
    ["fifteen letters", "the lamp stood by the sea", "雪" * 3 + "と夜の海をわたる船と灯台", "12 blue lamps, 1 sea"],
)
def test_any_other_password_is_accepted_without_rules_of_composition(password: str) -> None:
    PasswordHasher(CHEAP).check_new(password, names=("ann", "", "ann@example.org"))


def test_beside_a_second_factor_eight_characters_do() -> None:
    hasher = PasswordHasher(CHEAP)
    hasher.check_new("blue sea", min_length=8)
    for password in ("password", "1q2w3e4r", "Summer2024"):
        with pytest.raises(WeakPassword, match="common"):
            hasher.check_new(password, min_length=8)


def test_the_list_of_common_passwords_is_a_real_one() -> None:
    assert len(common_passwords()) > 3_000
    assert all(len(word) >= 8 for word in common_passwords())
    assert {"password", "12345678", "iloveyou", "qwertyuiop", "trustno1"} <= common_passwords()


@given(st.text(max_size=1_100), st.text(max_size=20))
def test_any_text_is_judged_without_an_error(password: str, name: str) -> None:
    found = weakness(password, (name,), 8)
    assert found is None or found[0] in {"short", "long", "common", "name"}


def test_the_argon2_library_is_loaded_with_the_first_hash() -> None:
    program = "import sys, sojourn.identity.password as p; p.PasswordHasher(); assert 'argon2' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=HANGS)
