"""Which module of a package imports which, and whether that goes in circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from bench.source import Module

Graph = Mapping[str, frozenset[str]]


def imports(modules: Sequence[Module]) -> Graph:
    """For every module the others that it imports when it is loaded."""
    names = frozenset(module.name for module in modules)
    return {module.name: frozenset(_targets(_loaded(module.tree.body), module, names)) for module in modules}


def lazy_imports(module: Module, modules: Sequence[Module]) -> int:
    """How many imports of own modules stand inside functions of ``module``."""
    names = frozenset(other.name for other in modules)
    inside = [
        node
        for function in ast.walk(module.tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    return sum(bool(list(_targets([node], module, names))) for node in inside)


def _loaded(body: Sequence[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is loaded; those for type checkers only do not."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from _loaded([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _loaded([*node.body, *(line for handler in node.handlers for line in handler.body)])


def _targets(
    nodes: Iterator[ast.Import | ast.ImportFrom] | Sequence[ast.Import | ast.ImportFrom],
    module: Module,
    names: frozenset[str],
) -> Iterator[str]:
    for node in nodes:
        found = (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else list(_from(node, module, names))
        )
        yield from (name for name in found if name in names and name != module.name)


def _from(node: ast.ImportFrom, module: Module, names: frozenset[str]) -> Iterator[str]:
    """What ``from base import …`` names: submodules where there are such, else the base."""
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        parts = parts[: len(parts) - node.level + module.is_package]
        base = ".".join([*parts, *([node.module] if node.module else [])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full in names else base


def cycles(graph: Graph) -> list[frozenset[str]]:
    """The groups of modules that import each other in circles (strongly connected, more than one member)."""
    if _is_acyclic(graph):
        return []
    reach = {name: _reachable(graph, name) for name in graph}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return [group for group in groups if len(group) > 1]


def _is_acyclic(graph: Graph) -> bool:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return False
    return True


def _reachable(graph: Graph, start: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), frozenset()) - found:
            found.add(name)
            waiting.append(name)
    return frozenset(found)
