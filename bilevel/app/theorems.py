"""The theorems: one file each in the folder `proofs`, found, read and proved. The folder is the list.

Main definitions: `Theorem`, `folder`, `theorems`.

In a checkout the folder stands beside the package; in an installed wheel it stands inside it.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from bilevel.language.errors import GameError

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Theorem:
    """One file of the folder: what it says in its docstring, and the proof its `prove()` returns."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.stem

    @cached_property
    def text(self) -> str:
        """The docstring, read without running the file."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""

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

    def prove(self) -> Any:
        """The theorem with its evidence; every claim is decided anew."""
        module = self.module()
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
    """Every theorem of the folder, by number."""
    return tuple(Theorem(path) for path in sorted(folder().glob("*.py"), key=_place) if not path.stem.startswith("_"))


def _place(path: Path) -> tuple[int, str]:
    number = re.search(r"_(\d+)(_|$)", path.stem)
    return (int(number[1]) if number else 10_000, path.stem)


def paragraphs(statement: str) -> tuple[str, list[str], str]:
    """A statement as its first sentence, the paragraphs after it, and its source."""
    blocks = [" ".join(block.split()) for block in statement.strip().split("\n\n")]
    sources = [block.removeprefix("Source:").strip() for block in blocks if block.startswith("Source:")]
    rest = [block for block in blocks[1:] if not block.startswith("Source:")]
    return (blocks[0] if blocks else ""), rest, " ".join(sources)
