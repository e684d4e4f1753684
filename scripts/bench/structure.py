"""The structure of the code by its imports: rooms, arrows, floors and circles of each package.

A room of a package is a module or a sub-package directly in it; an arrow leads from a room to one that it imports; a
floor is how many arrows in a row end in a room. Imports inside functions count, those for type checkers do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import click

from scripts.bench._table import keep, show

HOUSES = ("chain", "fl", "webui", "scripts")

Arrows = Mapping[str, set[str]]
"""Room -> the rooms that it imports."""


@dataclass(frozen=True)
class Plan:
    """One package: its rooms, what they import of each other, and its lines."""

    package: str
    arrows: Arrows
    lines: int

    @property
    def arrow_count(self) -> int:
        return sum(len(to) for to in self.arrows.values())

    @property
    def circle(self) -> list[str]:
        """Return one circle of imports, or an empty list."""
        try:
            list(TopologicalSorter(self.arrows).static_order())
        except CycleError as error:
            return [str(room) for room in error.args[1]]
        return []

    @property
    def floors(self) -> int:
        """Return the number of floors; 0 if there is a circle."""
        if self.circle:
            return 0
        floor: dict[str, int] = {}
        for room in TopologicalSorter(self.arrows).static_order():
            floor[room] = 1 + max((floor[below] for below in self.arrows[room]), default=0)
        return max(floor.values(), default=0)


@click.command()
@click.option("--package", help="Show only this package, with the name of each arrow.")
def main(package: str | None) -> None:
    """Show the structure of the code in this folder."""
    plans = [plan for plan in survey(Path()) if package in {None, plan.package}]
    rows = [
        (plan.package, len(plan.arrows), plan.arrow_count, plan.floors, " -> ".join(plan.circle) or "none", plan.lines)
        for plan in plans
    ]
    show("Packages", ("package", "rooms", "arrows", "floors", "a circle", "lines"), rows)
    if package:
        named = [(room, ", ".join(sorted(to))) for plan in plans for room, to in sorted(plan.arrows.items())]
        show(package, ("room", "imports"), named)
    keep("structure", {plan.package: [len(plan.arrows), plan.arrow_count, plan.floors] for plan in plans})


def survey(root: Path) -> list[Plan]:
    """Return the plan of each package in `root` that has rooms."""
    imports = {name: set(_imports(path)) for name, path in _modules(root)}
    packages = sorted({name.rpartition(".")[0] for name in imports} - {""})
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in _modules(root)}
    return [_plan(package, imports, lines) for package in packages]


def _plan(package: str, imports: Mapping[str, set[str]], lines: Mapping[str, int]) -> Plan:
    inside = [name for name in imports if name.startswith(package + ".")]
    arrows: dict[str, set[str]] = {room: set() for name in inside if (room := _room(package, name))}
    for name in inside:
        source = _room(package, name)
        for other in imports[name]:
            target = _room(package, other)
            if source and target in arrows and target != source:
                arrows[source].add(target)
    return Plan(package, arrows, sum(lines[name] for name in inside))


def _room(package: str, name: str) -> str:
    """Return the room of `package` to which a dotted name belongs, or an empty string."""
    inner = name.removeprefix(package + ".") if name.startswith(package + ".") else ""
    return inner.partition(".")[0]


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for house in HOUSES:
        for path in sorted((root / house).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield name, path


def _imports(path: Path) -> Iterator[str]:
    for node in _run(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that run, without those under `if TYPE_CHECKING`."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield from _run(child)


if __name__ == "__main__":
    main()
