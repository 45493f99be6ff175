import inspect
import re

import pytest

from sojourn.core import errors
from sojourn.core.errors import SojournError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SojournError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_code_a_status_and_a_message_of_its_own(kind: type[SojournError]) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)?", kind.code)
    assert 400 <= kind.status < 600
    assert inspect.getdoc(kind)


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in CLASSES]
    assert sorted(codes) == sorted(set(codes))


def test_the_docstring_is_the_message_unless_one_is_given() -> None:
    assert errors.Unauthorized().message == "Unauthorized"
    assert errors.Unauthorized("no token").message == "no token"
