"""The package's own source, read as data by the house tests.

Main definitions: `files`, `module_name`, `parse`, `imported_modules`, `storey`, `public_objects`, `tracked_files`.
"""

from __future__ import annotations

import ast
import functools
import importlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bilevel"

STOREYS = {
    "certificate": 0, "language": 1, "game": 2, "response": 2, "system": 2, "rules": 3, "models": 4, "analysis": 5,
    "numeric": 6, "show": 7, "testing": 7, "app": 8, "__init__": 9, "__main__": 9,
}  # fmt: skip


def files() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    """bilevel/rules/euler.py -> bilevel.rules.euler; a package's __init__.py -> the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def module_names() -> frozenset[str]:
    """The dotted names of all modules of the package."""
    return frozenset(module_name(path) for path in files())


@functools.cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def storey(module: str) -> int:
    """The storey of a module: bilevel.rules.euler -> 3; the face and the entry point are the roof."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else "__init__"
    assert room in STOREYS, f"{module} belongs to no storey of tests/house/source.py"
    return STOREYS[room]


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports, inside functions too, and those it names in full in a string (lazy loading).

    Imports for type checking only are left out. `from package import name` means the submodule where there is one.
    """
    found: set[str] = set()
    for node in _running_code(parse(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            below = {f"{base}.{alias.name}" for alias in node.names}
            found |= below & module_names()
            if not all(name in module_names() for name in below):
                found.add(base)
        elif isinstance(node, ast.Constant) and node.value in module_names():
            found.add(node.value)
    return found


def _absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    here = module_name(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def _running_code(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes, without the bodies of `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (inner for other in node.orelse for inner in _running_code(other))
            continue
        yield node
        yield from _running_code(node)


def public_objects() -> Iterator[tuple[str, object]]:
    """(dotted name, object) for each name in the `__all__` of the package and of its subpackages and top modules."""
    seen: set[int] = set()
    rooms = ["bilevel", *sorted(name for name in module_names() if name.count(".") == 1 and "__main__" not in name)]
    for room in rooms:
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            if id(found) not in seen:
                seen.add(id(found))
                yield f"{room}.{name}", found


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """What the repository holds; outside of one, every file that is not ignored by name."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        return tuple(path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())
    skipped = re.compile(r"/(\.venv|\.git|out|dist|__pycache__|\.\w+_cache|\.hypothesis)/")
    every = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in every if not skipped.search(f"/{path.relative_to(ROOT)}"))


def complain(offenders: list[str], rule: str) -> None:
    """Fail with all offenders in one message."""
    assert not offenders, f"{len(offenders)} against the rule: {rule}\n  " + "\n  ".join(offenders)
