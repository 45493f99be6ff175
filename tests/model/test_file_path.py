"""References to files: one spelling for each file, and nothing that leads elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.model.file_path import (
    BadPath,
    FileKey,
    FilePath,
    means_folder,
    parse_reference,
    resolve,
)

BASE = FilePath("ufs", ("shop", "cart", "add.js"))


@pytest.mark.parametrize(
    ("reference", "uri"),
    [
        ("ufs:/a.js", "ufs:/a.js"),
        ("ufs:/jobs/b c.js", "ufs:/jobs/b%20c.js"),
        ("ufs:/jobs/b%20c.js", "ufs:/jobs/b%20c.js"),
        ("ufs:/%6Aobs/a.js", "ufs:/jobs/a.js"),
        ("vfs:/shared/a%C3%A7%C3%A3o.js", "vfs:/shared/a%C3%A7%C3%A3o.js"),
        ("vfs:/shared/ac\u0327a\u0303o.js", "vfs:/shared/a%C3%A7%C3%A3o.js"),
        ("ufs:/a~b.js", "ufs:/a%7Eb.js"),
        ("ufs:/100%25.js", "ufs:/100%25.js"),
        ("vfs:ikey?007", "vfs:ikey?7"),
        ("vfs:ikey?-12", "vfs:ikey?-12"),
        (123, "vfs:ikey?123"),
        (-1, "vfs:ikey?-1"),
    ],
)
def test_one_spelling(reference: str | int, uri: str) -> None:
    assert parse_reference(reference).uri == uri
    assert parse_reference(uri).uri == uri


@pytest.mark.parametrize(
    "reference",
    [
        *("", "ufs:", "ufs:/", "ufs:a.js", "ufs://a.js", "ufs:/a//b.js", "ufs:/a/", "file:/a.js", "UFS:/a.js", "/a.js"),
        *("ufs:/../a.js", "ufs:/a/../b.js", "ufs:/a/%2e%2e/b.js", "ufs:/%2E./b.js", "ufs:/./a.js", "ufs:/a/%2e/b.js"),
        *("ufs:/a\\..\\b.js", "ufs:/a%5cb.js", "ufs:/a%2fb.js", "ufs:/%2fetc", "ufs:/a\0.js", "ufs:/a%00.js"),
        *(
            "ufs:/a\n.js",
            "ufs:/a\u202ejs.js",
            "ufs:/a\u200b.js",
            "ufs:/a\ud800.js",
            "ufs:/%ff.js",
            "ufs:/%c0%ae%c0%ae/x",
        ),
        *(
            "ufs:/CON",
            "ufs:/nul.js",
            "ufs:/Aux.tar.js",
            "ufs:/com1.js",
            "ufs:/lpt\u00b9",
            "ufs:/x/prn .js",
            "ufs:/conin$",
        ),
        *("ufs:/C:/a.js", "ufs:/a.js:stream", "ufs:/a.js::$DATA", "ufs:/a*.js", "ufs:/a?.js", 'ufs:/a".js', "ufs:/<a>"),
        *("ufs:/.git/config.json", "ufs:/.env", "ufs:/a./b.js", "ufs:/a.js ", "ufs:/ a.js", "ufs:/a /b.js"),
        *(
            "ufs:/" + "a" * 256,
            "ufs:/" + "\u00e7" * 128,
            "ufs:/" + "a/" * 32 + "b",
            "ufs:/" + "/".join(["a" * 200] * 6),
        ),
        *("vfs:ikey?", "vfs:ikey?x", "vfs:ikey?1.5", "vfs:ikey?\u0661", "vfs:ikey?" + "9" * 17, "vfs:ikey?--1", 2**53),
    ],
)
def test_what_names_no_file(reference: str | int) -> None:
    with pytest.raises(BadPath):
        parse_reference(reference)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("./x", "/shop/cart/x"),
        ("./x/", "/shop/cart/x"),
        ("../x.js", "/shop/x.js"),
        ("../../x", "/x"),
        ("./a/../b", "/shop/cart/b"),
        (".", "/shop/cart"),
        ("..", "/shop"),
        ("../..", "/"),
        ("./a%20b", "/shop/cart/a b"),
    ],
)
def test_relative_to_the_file(reference: str, path: str) -> None:
    assert resolve(reference, BASE).path == path


@pytest.mark.parametrize(
    "reference", ["../../../x", "../../..", "./../../../etc/passwd", "./%2e%2e/x", "./a//b", "./\0", "./a/%2e%2e%2fb"]
)
def test_nothing_above_the_root(reference: str) -> None:
    with pytest.raises(BadPath):
        resolve(reference, BASE)


@pytest.mark.parametrize(("reference", "is_folder"), [("./a", False), ("./a/", True), ("..", True), ("./a/.", True)])
def test_what_can_only_be_a_folder(reference: str, *, is_folder: bool) -> None:
    assert means_folder(reference) is is_folder


@given(st.text(max_size=60))
def test_whatever_is_taken_stays_below_the_root(text: str) -> None:
    """Any text is refused, or is a path of plain names that its own URI leads to again."""
    for reference in (text, f"ufs:/{text}", f"./{text}"):
        try:
            found = resolve(reference, BASE) if reference.startswith("./") else parse_reference(reference)
        except BadPath:
            continue
        if isinstance(found, FileKey):
            continue
        assert not {"", ".", ".."} & set(found.names)
        assert not any(set(name) & set("/\\\0:") for name in found.names)
        if found.names:
            assert parse_reference(found.uri) == found
