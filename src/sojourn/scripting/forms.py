"""Forms in the content of a request: ``application/x-www-form-urlencoded`` and ``multipart/form-data`` [RFC 7578]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from sojourn.core.errors import BadRequest
from sojourn.scripting.charsets import charset_of, decoder

#: Fields of a query string or an encoded form; fields and files of a form in parts.
MOST_FIELDS: Final = 1_000
#: Bytes of one header line of a part, and how many a part may have.
_HEADER: Final = 4_096
_HEADERS: Final = 8
#: Characters of a file's name.
_MOST_NAME: Final = 255

_ENCODED: Final = "application/x-www-form-urlencoded"
_PARTS: Final = "multipart/form-data"
_OCTETS: Final = "application/octet-stream"


class BadForm(BadRequest):
    """The form in the body cannot be read."""

    code = "request.bad_form"


class Upload(NamedTuple):
    """A file of a form."""

    #: Name of the field, in lower case.
    name: str
    #: Its name as the client says it, without any folder; never one to store it under unchecked.
    file_name: str
    content_type: str
    content: bytes

    def text(self) -> str:
        """The content by the charset of its type, UTF-8 without one; octets that are none become U+FFFD."""
        return _text(self.content, self.content_type)


class Form(NamedTuple):
    """What a form says."""

    #: Names in lower case, the last value of each.
    fields: Mapping[str, str]
    files: Sequence[Upload] = ()


def read_form(body: bytes, content_type: str) -> Form:
    """The form in ``body``, empty for a content of another type. Raises :class:`BadForm` for parts that are none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _ENCODED:
        return Form(pairs(body.decode("latin-1")))
    return _parts(body, content_type) if kind == _PARTS else Form({})


def pairs(text: str) -> Mapping[str, str]:
    """The fields of a query string, or of an encoded form; more than :data:`MOST_FIELDS` are not read."""
    if text.count("&") >= MOST_FIELDS:
        return {}
    return {name.lower(): value for name, value in parse_qsl(text, keep_blank_values=True)}


def _parts(body: bytes, content_type: str) -> Form:
    fields: dict[str, str] = {}
    files: list[Upload] = []
    try:
        for segment, content in _segments(body, content_type):
            name, kind = (segment.name or "").lower(), segment.header("Content-Type") or ""
            if segment.filename is None:
                fields[name] = _text(content, kind)
            elif segment.filename or content:
                files.append(Upload(name, _base(segment.filename), kind or _OCTETS, content))
    except ParserLimitReached as error:
        raise BadForm(f"The form in the body is more than a form may be: {error}") from None
    except MultipartError as error:
        raise BadForm(f"The form in the body cannot be read: {error}") from None
    return Form(fields, files)


def _segments(body: bytes, content_type: str) -> Sequence[tuple[MultipartSegment, bytes]]:
    _, options = parse_options_header(content_type)
    found: list[tuple[MultipartSegment, bytes]] = []
    pieces: list[bytes] = []
    with PushMultipartParser(
        options.get("boundary", ""),
        content_length=len(body),
        max_header_size=_HEADER,
        max_header_count=_HEADERS,
        max_segment_count=MOST_FIELDS,
        strict=True,
    ) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                segment, pieces = event, []
            elif event is None:
                found.append((segment, b"".join(pieces)))
            else:
                pieces.append(event)
    return found


def _text(content: bytes, content_type: str) -> str:
    return decoder(charset_of(content_type) or "utf_8")(content, True)


def _base(name: str) -> str:
    """A file's name without folders and without what nobody can see [RFC 7578 4.2]."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable())[:_MOST_NAME]
