"""The theorems: one file each in the folder `proofs`, found, read and proved. The folder is the list.

Main definitions: `Theorem`, `folder`, `theorems`, `number`, `named`.

Those of Pfau and Vinyals' paper stand in the folder itself, those on other methods in its folder `beyond`. In a
checkout `proofs` stands beside the package; in an installed wheel it stands inside it.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from bilevel.language.errors import GameError, ReadError

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Theorem:
    """One file of the folder: what it says in its docstring, and the proof its `prove()` returns."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.stem

    @property
    def file(self) -> str:
        """Where it stands, from the folder on: proofs/theorem_01_....py."""
        return self.path.relative_to(folder().parent).as_posix() if folder() in self.path.parents else self.path.name

    @property
    def of_the_paper(self) -> bool:
        """Whether it is one of the paper's own: it stands in the folder itself."""
        return self.path.parent == folder()

    @cached_property
    def text(self) -> str:
        """The docstring, read without running the file."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""

    @property
    def relates(self) -> bool:
        """Whether the file declares a correspondence, told without running it."""
        names = (
            target.id
            for node in ast.parse(self.path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        )
        return "CORRESPONDS" in names

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.text.partition("\n")[0]

    def module(self) -> ModuleType:
        """The file, run."""
        spec = importlib.util.spec_from_file_location(f"bilevel_theorem_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise GameError(f"{self.path} cannot be loaded as a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def prove(self, module: ModuleType | None = None) -> Any:
        """The theorem with its evidence; every claim is decided anew."""
        module = module or self.module()
        if not hasattr(module, "prove"):
            raise GameError(f"{self.path.name} has no function prove(); a theorem's file returns its Proof there")
        return module.prove()


def folder() -> Path:
    """Where the theorems stand: beside the package in a checkout, inside it in a wheel."""
    places = (_PACKAGE.parent / "proofs", _PACKAGE / "proofs")
    for place in places:
        if any(place.glob("theorem_*.py")):
            return place
    raise GameError(f"no theorems were found; they are looked for in {' and '.join(map(str, places))}")


def theorems() -> tuple[Theorem, ...]:
    """Every theorem of the folder and of those in it, by number."""
    return tuple(Theorem(path) for path in sorted(folder().rglob("*.py"), key=_place) if not path.stem.startswith("_"))


def number(theorem: Theorem) -> int:
    """The number in its file's name."""
    return _place(theorem.path)[0]


def named(text: str, among: Sequence[Theorem]) -> Theorem:
    """The theorem with this number, file name, or part of a file name.

    Raises: ReadError if there is none, or more than one.
    """
    wanted = text.strip().lower().removesuffix(".py").replace(" ", "_").replace("-", "_")
    digits = re.fullmatch(r"(?:theorem_)?0*(\d+)", wanted)
    if digits:
        found = [t for t in among if number(t) == int(digits[1])]
    else:
        found = [t for t in among if wanted == t.name] or [t for t in among if wanted and wanted in t.name]
    if len(found) == 1:
        return found[0]
    known = ", ".join(str(number(t)) for t in among)
    problem = f"{text!r} names {', '.join(t.name for t in found)}" if found else f"there is no {text!r}"
    raise ReadError(f"{problem}; give a number ({known}), or part of one name", file="NAME")


def _place(path: Path) -> tuple[int, str]:
    found = re.search(r"_(\d+)(_|$)", path.stem)
    return (int(found[1]) if found else 10_000, path.stem)


def paragraphs(statement: str) -> tuple[str, list[str], str]:
    """A statement as its first sentence, the paragraphs after it, and its source."""
    blocks = [" ".join(block.split()) for block in statement.strip().split("\n\n")]
    sources = [block.removeprefix("Source:").strip() for block in blocks if block.startswith("Source:")]
    rest = [block for block in blocks[1:] if not block.startswith("Source:")]
    return (blocks[0] if blocks else ""), rest, " ".join(sources)
