import pytest

from sojourn.model.user import (
    BadAccount,
    account_principal,
    check_email,
    check_user_name,
    external_identity,
    fold,
    is_account,
    is_external,
    password_bytes,
)


@pytest.mark.parametrize(("a", "b"), [("Ana", "ANA"), ("straße", "STRASSE"), ("ﬁn", "fin"), ("É", "e\u0301")])
def test_names_that_look_alike_fold_alike(a: str, b: str) -> None:
    assert fold(a) == fold(b)


@pytest.mark.parametrize("name", ["", " a", "a ", "a@b", "a\nb", "x" * 101, "a\u202eb"])
def test_a_bad_user_name_is_refused(name: str) -> None:
    with pytest.raises(BadAccount):
        check_user_name(name)


@pytest.mark.parametrize("email", ["a", "@b", "a@", "a b@c", "a@" + "b" * 300])
def test_a_bad_address_is_refused(email: str) -> None:
    with pytest.raises(BadAccount):
        check_email(email)


def test_no_address_is_fine() -> None:
    assert check_email("") == ""


def test_passwords_are_hashed_in_one_normal_form() -> None:
    assert password_bytes("e\u0301") == password_bytes("é")


@pytest.mark.parametrize("password", ["x" * 1025, "\U0001f600" * 1024 + "x", "\ud800"])
def test_a_password_that_cannot_be_is_not_hashed(password: str) -> None:
    assert password_bytes(password) is None


def test_a_subject_equal_to_an_account_is_another_principal() -> None:
    external = external_identity("login", "7", (), "", 0).principal
    assert external != account_principal(7)
    assert is_external(external)
    assert not is_account(external)
