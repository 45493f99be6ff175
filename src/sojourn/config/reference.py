"""The reference pages of settings and realms, generated from the Structs that declare them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import msgspec
from msgspec import inspect
from msgspec.structs import FieldInfo

from sojourn.config.binding import members_of
from sojourn.config.realms import GLOBALS_FILE, MAX_GLOBAL
from sojourn.config.settings import NAMED_SECTIONS, SECTIONS, environment_name
from sojourn.config.sources import SHORT
from sojourn.model import realm as realms
from sojourn.model.provider import ProviderConfig
from sojourn.model.realm import RealmConfig

_SETTINGS_HEAD = f"""\
# Settings: `sojourn.toml`

Generated from the code; a test fails when it is stale.

A setting comes from the strongest place that gives it: a command-line option, then the environment, then
`sojourn.toml`, then the default. The environment variable of a key is `SOJOURN_`, section and key in upper case,
without further underscores: `server.publicUrl` is `{environment_name("server.publicUrl")}`.
{" and ".join(f"`{short}`" for short in SHORT)} are short for {" and ".join(f"`{environment_name(name)}`" for name in SHORT.values())}.
A list is written with commas there. A variable that begins with `SOJOURN_` and means nothing is a note of
`sojourn check`.

File names are relative to the project folder.
"""

_REALMS_HEAD = f"""\
# Realms: `realms/<name>/*.json`

Generated from the code; a test fails when it is stale.

One folder a realm; its name is the realm's: 1-60 of `a-z 0-9 - _`, a letter or digit first. The JSON files in it
are read in the order of their names and merged: the last value of a property wins, and `null` is the default. Hidden
files are not read. Times are milliseconds.

`{GLOBALS_FILE}` is no part of that: it holds the text values of `{{{{ global.name }}}}`, names of 1-59 lower-case letters,
digits, `-` and `.`, values of at most {MAX_GLOBAL} characters. The name `global.json` is reserved.

"""

_PROVIDERS_HEAD = """\
# Identity providers: `providers/<name>.yaml`

Generated from the code; a test fails when it is stale.

One file a provider ([how](../howto/add-a-provider.md)); the name of the file is the name of the provider: 1-60 of `a-z 0-9 - _`, a letter or digit first. `issuer`,
`clientId` and `realms` have to be there. The client secret never stands in the file: give it with `sojourn providers secret`, or name a file
of mode 0600. A provider keeps its key while its name and issuer stay. Times are milliseconds.

"""

_COLUMNS = ("key", "type", "default", "meaning", "in effect")
_NO_DEFAULT = "-"


def settings_reference() -> str:
    """The page of ``sojourn.toml`` as Markdown."""
    parts = [_SETTINGS_HEAD]
    for section, struct in SECTIONS.items():
        parts.append(f"\n## `[{section}]`\n\n{struct.__doc__}\n\n{_table(struct(), frozenset())}")
    for section, struct in NAMED_SECTIONS.items():
        parts.append(f"\n## `[{section}.NAME]`\n\n{struct.__doc__}\n\n{_table(struct(), frozenset())}")
    return "".join(parts)


def realm_reference() -> str:
    """The page of the realm properties as Markdown."""
    return _REALMS_HEAD + _table(RealmConfig(), realms.NOT_IN_EFFECT)


def provider_reference() -> str:
    """The page of the files of identity providers as Markdown."""
    return _PROVIDERS_HEAD + _table(ProviderConfig(issuer="", client_id="", realms=()), frozenset())


def description(field: FieldInfo) -> str:
    """What the declaration says about ``field``."""
    kind = inspect.type_info(field.type)
    extra = kind.extra_json_schema if isinstance(kind, inspect.Metadata) else None
    return str((extra or {}).get("description", ""))


def _table(defaults: msgspec.Struct, later: AbstractSet[str]) -> str:
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    for key, field in members_of(type(defaults)).items():
        value = getattr(defaults, field.name)
        shown = _NO_DEFAULT if value is None else f"`{msgspec.json.encode(value).decode()}`"
        kind = type_words(inspect.type_info(field.type))
        rows.append((f"`{key}`", kind, shown, description(field), "not yet" if key in later else "yes"))
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def type_words(kind: inspect.Type) -> str:
    """A type in words: ``integer 1 to 65535``, ``list of text``, ``milliseconds``."""
    match kind:
        case inspect.Metadata():
            words = str((kind.extra or {}).get("unit") or type_words(kind.type))
        case inspect.UnionType():
            options = (option for option in kind.types if not isinstance(option, inspect.NoneType))
            words = " or ".join(map(type_words, options))
        case inspect.LiteralType():
            words = " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in kind.values)
        case inspect.VarTupleType():
            words = f"list of {type_words(kind.item_type)}"
        case inspect.IntType():
            words = f"integer{_bounds(kind)}"
        case inspect.BoolType():
            words = "boolean"
        case _:
            words = "text"
    return words


def _bounds(kind: inspect.IntType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" {kind.ge} to {kind.le}"
    return "" if kind.ge is None else f" ≥ {kind.ge}"
