"""``docs/reference/rights.md``: who may do what, made from the declarations that are asked at every call."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.admin.openapi import in_order
from sojourn.admin.operation import PREFIX, Operation
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF, Need
from sojourn.engine.security.methods import NEEDS
from sojourn.engine.security.operators import SCOPES
from sojourn.scripting.reference.page import script_rights

_HEAD = """\
# Rights

Who may do what. Each row is asked at every call, and is a test: who has everything but this right is refused, who has it is admitted.

**No one gives or takes over what he does not have.** To act on another account takes the named scope *and* every scope that the account has;
to act on a group or role, to put somebody into it or take somebody out, every scope that it gives; to grant or revoke a scope, that scope, there. Otherwise it takes
`security.root` in every realm, which is the right to act on every account and to grant every scope, and no other right. `sojourn init` and `sojourn demo` give it to their
administrator; others get it from who has it. The command line on a project's folder acts as the host, to whom nothing is refused.

A right over accounts, groups and roles is needed in every realm of their directory; to look at them, in one of these. A handle that is narrower than its session has
none of these rights. *anyone* needs no account, *logged-in* any account, *self* is the account that it is about.

## Security

`sojourn.engine.security.methods.Security`, the methods of the product that scripts were written for. *Fresh*: where a client asks, its login is not older than the realm's
`freshLogin`.

| method | there | needs | and | fresh login |
|---|---|---|---|---|
"""

_ADMIN = """
## Admin API

[The operations](admin-api.md). A right in one realm shows and changes what belongs to that realm.

| operation | path | needs | and |
|---|---|---|---|
"""

_SCRIPTS = """
## Scripts

[What scripts see](scripts.md). A host function always acts as the session of its execution, in its realm; no argument says for whom it is called.

| member | needs | and |
|---|---|---|
"""

_FOOT = "\nThis page is generated from the code (`make docs`).\n"


def rights_reference() -> str:
    """The page."""
    methods = "".join(_method(name, need) for name, need in NEEDS.items())
    scripts = "".join(f"| `{member}` | {right} | {also} |\n" for member, right, also in script_rights())
    return _HEAD + methods + _SCRIPTS + scripts + _ADMIN + "".join(map(_operation, in_order())) + _FOOT


def _method(name: str, need: Need) -> str:
    also = [*(["every scope of the account"] if need.over else []), *([need.also] if need.also else [])]
    fresh = "yes" if need.fresh else ""
    return f"| `{name}` | `{need.seed}` | {_right(need)} | {'; '.join(also)} | {fresh} |\n"


def _right(need: Need) -> str:
    if need.right in {ANYONE, LOGGED_IN, SELF}:
        return need.right
    return f"self or `{need.right}`" if need.own else f"`{need.right}`"


def _operation(operation: Operation) -> str:
    needs = " or ".join(_needed(operation))
    return (
        f"| `{operation.name}` | `{operation.method} {PREFIX}{operation.path}` | {needs} | {operation.needs.also} |\n"
    )


def _needed(operation: Operation) -> Iterator[str]:
    if not operation.needs.login:
        yield ANYONE
    elif operation.needs.right is None:
        yield "an operator"
    else:
        where = " in every realm" if operation.needs.everywhere else ""
        yield from (f"`{scope}`{where}" for scope in SCOPES[operation.needs.right])
