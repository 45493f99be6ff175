import os
import stat
from pathlib import Path

import pytest

from sojourn.core.crypto import MasterKey, read_master_key, write_master_key
from sojourn.core.errors import MasterKeyMissing


def test_what_was_sealed_opens_only_where_it_belongs() -> None:
    key = MasterKey(os.urandom(32))
    sealed = key.seal(b"private", "realm-1/kid-1")
    assert key.open(sealed, "realm-1/kid-1") == b"private"
    with pytest.raises(MasterKeyMissing):
        key.open(sealed, "realm-2/kid-1")
    with pytest.raises(MasterKeyMissing):
        MasterKey(os.urandom(32)).open(sealed, "realm-1/kid-1")


def test_a_master_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.key"
    write_master_key(path)
    first = path.read_bytes()
    write_master_key(path)
    assert path.read_bytes() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    write_master_key(path)
    path.chmod(0o640)
    with pytest.raises(MasterKeyMissing, match="0600"):
        read_master_key(path)


@pytest.mark.parametrize("content", [None, b"", b"x" * 31])
def test_a_missing_or_short_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(MasterKeyMissing):
        read_master_key(path)
