"""Forms in the content of a request, and what pretends to be one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.scripting.exchange import MOST_CONTENT, Exchange, ScriptRequest
from sojourn.scripting.forms import MOST_FIELDS, BadForm, Form, Upload, read_form
from sojourn.scripting.response import ScriptResponse

pytestmark = pytest.mark.anyio

TYPE = "multipart/form-data; boundary=xx"


def part(name: str, content: bytes = b"", *more: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {name}", *more]
    return b"--xx\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def parts(*each: bytes) -> bytes:
    return b"".join(each) + b"--xx--\r\n"


def test_fields_and_files_in_their_order() -> None:
    body = parts(
        part('name="Title"', b"one"),
        part('name="title"', "zwei é".encode()),
        part(
            'name="doc"; filename="C:\\\\fake/path\\\\report.txt"',
            b"\xe9\r\n--x",
            "Content-Type: text/plain; charset=latin-1",
        ),
        part('name="doc"; filename="pic.png"', b"\x89PNG\x00", "Content-Type: image/png"),
        part('name="none"; filename=""'),
        part('name="raw"; filename="a%22b"', b"x"),
    )
    form = read_form(body, 'Multipart/Form-Data; charset=utf-8; boundary="xx"')
    assert form.fields == {"title": "zwei é"}
    assert form.files == [
        Upload("doc", "report.txt", "text/plain; charset=latin-1", b"\xe9\r\n--x"),
        Upload("doc", "pic.png", "image/png", b"\x89PNG\x00"),
        Upload("raw", 'a"b', "application/octet-stream", b"x"),
    ]
    assert [file.text() for file in form.files] == ["é\r\n--x", "\ufffdPNG\x00", "x"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", b"a=1"), ("", parts(part('name="a"'))), ("multipart/mixed; boundary=xx", parts(part('name="a"')))],
)
def test_another_content_is_no_form(content_type: str, body: bytes) -> None:
    assert read_form(body, content_type) == Form({})


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", parts(part('name="a"'))),
        ("multipart/form-data; boundary=", parts(part('name="a"'))),
        (f"multipart/form-data; boundary={'y' * 2_000}", parts(part('name="a"'))),
        (TYPE, b""),
        (TYPE, b"a=1&b=2"),
        (TYPE, part('name="a"', b"never ends")),
        (TYPE, parts(b"--xx\r\nContent-Type: text/plain\r\n\r\nx\r\n")),
        (TYPE, parts(part('name="a"', b"x").replace(b"form-data", b"attachment"))),
        (TYPE, parts(part('name="a"', b"", f"X-Long: {'x' * 5_000}"))),
        (TYPE, parts(part('name="a"', b"", *(f"X-{number}: 1" for number in range(9))))),
        (TYPE, parts(*(part(f'name="f{number}"', b"1") for number in range(MOST_FIELDS + 1)))),
        (TYPE, parts(part('name="a"', b"12345", "Content-Length: 4"))),
        (TYPE, b"--xx\r\n" + b"\xff\xfe: x\r\n\r\n\r\n--xx--\r\n"),
    ],
)
def test_what_is_no_form_is_the_clients_mistake(content_type: str, body: bytes) -> None:
    with pytest.raises(BadForm) as caught:
        read_form(body, content_type)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("sent", "told"),
    [("../../etc/passwd", "passwd"), ("..", ".."), ("a\u202egnp.exe", "agnp.exe"), ("x" * 400, "x" * 255), ("/", "")],
)
def test_the_name_of_a_file_has_no_folder_and_nothing_that_is_not_seen(sent: str, told: str) -> None:
    (file,) = read_form(parts(part(f'name="f"; filename="{sent}"', b"x")), TYPE).files
    assert file.file_name == told


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=400), st.lists(st.tuples(st.sampled_from(["a", "b", "ç"]), st.binary(max_size=80)), max_size=6)
)
def test_whatever_the_bytes_are_it_is_a_form_or_it_is_refused(noise: bytes, sent: list[tuple[str, bytes]]) -> None:
    try:
        read_form(noise, TYPE)
        read_form(b"--xx\r\n" + noise, TYPE)
    except BadForm:
        pass
    clean = [(name, content) for name, content in sent if b"--xx" not in content]
    body = parts(*(part(f'name="{name}"; filename="f"', content) for name, content in clean))
    if clean:
        assert [(file.name, file.content) for file in read_form(body, TYPE).files] == clean


async def test_a_large_form_is_read_once() -> None:
    content = random.Random(3).randbytes(MOST_CONTENT // 8)
    request = ScriptRequest(
        method="POST", path="/", headers={"content-type": TYPE}, body=parts(part('name="f"; filename="f"', content))
    )
    exchange = Exchange(request=request, response=ScriptResponse(most=10))
    form = await exchange.form()
    assert form.files[0].content == content
    assert await exchange.form() is form
