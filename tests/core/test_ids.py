import hashlib

import pytest

from sojourn.core.ids import is_id, new_handle, new_token, parse_handle, secret_hash


def test_identifiers_have_256_bits_and_never_repeat() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}


def test_no_public_id_looks_like_an_option_of_a_command() -> None:
    assert not any(new_handle().id.startswith("-") for _ in range(1000))


def test_a_handle_is_read_back_as_it_was_written() -> None:
    handle = new_handle()
    assert parse_handle(str(handle)) == handle


def test_a_handle_does_not_show_its_secret_in_logs() -> None:
    handle = new_handle()
    assert handle.secret not in repr(handle)
    assert handle.secret not in f"{handle!r}"


@pytest.mark.parametrize("change", [" {}", "{} ", "{}\n", "{}=", "{}.x", "x{}", '"{}"'])
def test_nothing_that_only_looks_like_a_handle_is_one(change: str) -> None:
    assert parse_handle(change.format(new_handle())) is None


def test_an_id_alone_is_no_handle() -> None:
    assert parse_handle(new_token()) is None
    assert is_id(new_token())
    assert not is_id(str(new_handle()))


def test_only_the_hash_of_a_secret_is_kept() -> None:
    assert secret_hash("s") == hashlib.sha256(b"s").digest()
