"""Python source as the figures see it: modules and their functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SELF = frozenset({"self", "cls", "mcs"})


class Function(NamedTuple):
    """One function or method; overloads are not counted."""

    name: str
    lines: int
    #: Whether every argument and the result are annotated.
    typed: bool
    #: Whether its name and those of everything around it are public.
    public: bool
    documented: bool


class Module(NamedTuple):
    """One file of a package."""

    #: Dotted name from the package on.
    name: str
    is_package: bool
    text: str
    tree: ast.Module
    functions: tuple[Function, ...]

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @property
    def public_names(self) -> int:
        """Public functions and classes at the top."""
        return sum(isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and _is_public(node.name) for node in self.tree.body)


def read_package(folder: Path) -> list[Module]:
    """Every module below ``folder``, which gives the first part of the names."""
    return [_module(file, folder.parent) for file in sorted(folder.rglob("*.py"))]


def _module(file: Path, root: Path) -> Module:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    names = parts[:-1] if is_package else parts
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    public = all(_is_public(part) for part in names if part != "__main__")
    return Module(".".join(names), is_package, text, tree, tuple(_functions(tree, public=public, method=False)))


def _functions(node: ast.AST, *, public: bool, method: bool) -> Iterator[Function]:
    """All functions below ``node``; those inside a function are not public."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _FUNCTIONS):
            if not _is_overload(child):
                yield _function(child, public=public and _is_public(child.name), method=method)
            yield from _functions(child, public=False, method=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, public=public and _is_public(child.name), method=True)
        elif isinstance(child, (ast.If, ast.Try, ast.With)):
            yield from _functions(child, public=public, method=method)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, *, public: bool, method: bool) -> Function:
    return Function(
        name=node.name,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        typed=_is_typed(node, method=method),
        public=public,
        documented=ast.get_docstring(node) is not None,
    )


def _is_typed(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> bool:
    a = node.args
    arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(extra for extra in (a.vararg, a.kwarg) if extra)]
    if method and arguments and arguments[0].arg in _SELF:
        arguments = arguments[1:]
    has_result = node.returns is not None or node.name == "__init__"
    return has_result and all(argument.annotation is not None for argument in arguments)


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(decorator).split(".")[-1] == "overload" for decorator in node.decorator_list)


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def exported(init: Path) -> int:
    """How many names ``__all__`` of a package lists."""
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names: list[str] = ast.literal_eval(node.value)
            return len(names)
    return 0
