"""Atoms: what the algebra of the normal form does not look into.

Main definitions: `Atom` (a symbol, an applied network, a logarithm, a tensor factor, ...), `rename` and its like
for parts of atoms.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

Names = Mapping[str, str]


class Atom:
    """A generator of the coefficient field or a tensor factor: its kind, its parts, and what it was read from."""

    def __init__(
        self,
        kind: str,
        parts: tuple = (),
        *,
        name: str = "",
        rank: int = 0,
        range: str = "real",
        slots: tuple = (),
        payload: Any = None,
    ) -> None:
        self.kind, self.parts, self.name, self.rank = kind, parts, name, rank
        self.range, self.slots, self.payload = range, slots, payload

    @cached_property
    def key(self) -> str:
        """Canonical text: two atoms are the same exactly if their keys are."""
        inside = ",".join(part if isinstance(part, str) else key_of(part) for part in self.parts)
        return f"{self.kind}:{self.name}({inside})" if self.parts else f"{self.kind}:{self.name}"

    @cached_property
    def free(self) -> frozenset[str]:
        """Names of the random variables that stand free in it."""
        if self.kind == "random":
            return frozenset([self.name])
        return frozenset().union(*(free_of(part) for part in self.parts))

    @cached_property
    def height(self) -> int:
        """How deep expectations are nested in it."""
        return max((height_of(part) for part in self.parts), default=0)

    def rename(self, names: Names) -> Atom:
        """The atom with its free random variables renamed (injectively)."""
        if not self.free & names.keys():
            return self
        name = names[self.name] if self.kind == "random" else self.name
        parts = tuple(rename(part, names) for part in self.parts)
        return Atom(
            self.kind, parts, name=name, rank=self.rank, range=self.range, slots=self.slots, payload=self.payload
        )

    def oriented(self) -> tuple[Atom, tuple[int, ...]]:
        """The atom with its indices in canonical order, and for each new index which old one it is."""
        return self, tuple(range(self.rank))

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.key == other.key

    def __lt__(self, other: Atom) -> bool:
        return self.key < other.key

    def __repr__(self) -> str:
        return self.key


def key_of(part: Any) -> str:
    """Canonical text of a part of an atom."""
    if isinstance(part, tuple):
        return "[" + ",".join(key_of(one) for one in part) + "]"
    return part.key if hasattr(part, "key") else str(part)


def free_of(part: Any) -> frozenset[str]:
    """Random variables that stand free in a part of an atom."""
    if isinstance(part, tuple):
        return frozenset().union(*(free_of(one) for one in part))
    return getattr(part, "free", frozenset())


def height_of(part: Any) -> int:
    """Nesting depth of expectations in a part of an atom."""
    if isinstance(part, tuple):
        return max((height_of(one) for one in part), default=0)
    return getattr(part, "height", 0)


def rename(part: Any, names: Names) -> Any:
    """A part of an atom with its free random variables renamed."""
    if isinstance(part, tuple):
        return tuple(rename(one, names) for one in part)
    return part.rename(names) if hasattr(part, "rename") else part
