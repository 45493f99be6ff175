"""``sojourn.d.ts``: what editors need to complete and check scripts, made from the declarations of the host API.

Classes that are written in JavaScript bring their own ``.d.ts`` beside their source in ``prelude/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from sojourn.scripting.declare import CLASSES, ClassSpec, Member
from sojourn.scripting.reference.docstrings import plain, read

_HEAD = """\
// Types of what scripts of Sojourn see. Generated (`make docs`; `sojourn scripts types` writes it into a project).
"""

_PREFIX = "@nginstack/engine/"


def typings() -> str:
    """The whole file."""
    import sojourn.scripting.api  # noqa: F401 - declares the classes

    return "\n".join([_HEAD, *written(), *("\n".join(_declared(spec)) + "\n" for spec in sorted(CLASSES.values()))])


def written() -> Sequence[str]:
    """The ``.d.ts`` files of the classes in JavaScript, by name."""
    prelude = resources.files("sojourn.scripting") / "prelude"
    if not prelude.is_dir():
        return []
    files = sorted((file for file in prelude.iterdir() if file.name.endswith(".d.ts")), key=lambda file: file.name)
    return [file.read_text(encoding="utf-8").strip() + "\n" for file in files]


def _declared(spec: ClassSpec) -> Iterator[str]:
    if spec.role == "class":
        yield from _class(spec)
    elif spec.role == "functions":
        for member in spec.members:
            yield from _comment(member.doc, "", member.deprecated)
            yield f"declare function {member.signature};"


def _class(spec: ClassSpec) -> Iterator[str]:
    yield from _comment(spec.doc, "", "")
    yield f"declare class {spec.name} {{"
    if not any(member.kind == "new" for member in spec.members):
        yield "  private constructor();"
    assignable = {member.name for member in spec.members if member.kind == "set"}
    for member in spec.members:
        if member.kind != "set":
            yield from _comment(member.doc, "  ", member.deprecated)
            yield f"  {_modifiers(member, assignable)}{member.signature};"
    yield from (f"  readonly {name}: {part.name};" for name, part in _parts(spec))
    yield "}"
    if spec.instance and "." not in spec.instance:
        yield f"declare const {spec.instance}: {spec.name};"
    for module in spec.modules:
        exported = spec.instance if module.startswith("context/") and spec.instance else spec.name
        for name in (f"{_PREFIX}{module}", f"{_PREFIX}{module}.js"):
            yield f'declare module "{name}" {{ export = {exported}; }}'


def _parts(spec: ClassSpec) -> Iterator[tuple[str, ClassSpec]]:
    """What hangs on the one instance of a class: ``session.fields`` on ``session``."""
    for part in sorted(CLASSES.values()):
        whole, _, name = part.instance.rpartition(".")
        if whole and whole == spec.instance:
            yield name, part


def _modifiers(member: Member, assignable: set[str]) -> str:
    if member.kind == "static":
        return "static "
    return "readonly " if member.kind == "get" and member.name not in assignable else ""


def _comment(doc: str, indent: str, deprecated: str) -> Iterator[str]:
    lines = plain(read(doc).text).replace("*/", "* /").splitlines()
    if deprecated:
        lines += ["", f"@deprecated {deprecated}"]
    if not lines:
        return
    yield f"{indent}/**"
    yield from (f"{indent} * {line}".rstrip() for line in lines)
    yield f"{indent} */"
