"""Tensors: sums of coefficient times word, and their products.

Main definitions: `Tensor`, `contract` (the product of tensors with shared indices), `total`, `enclosed` (an inverse
or a stop).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from bilevel.language.normal_atom import Atom, Names
from bilevel.language.normal_ratio import Ratio
from bilevel.language.normal_word import EMPTY, Word, assemble


class Enclosed(Atom):
    """A function of a whole tensor that is not looked into: an inverse, a stopped gradient."""

    def oriented(self) -> tuple[Atom, tuple[int, ...]]:
        """A matrix or its transpose, whichever has the lesser text."""
        inside = self.parts[0]
        if self.rank != 2:
            return self, tuple(range(self.rank))
        turned = inside.permuted((1, 0))
        if turned.key < inside.key:
            return Enclosed(self.kind, (turned,), name=self.name, rank=2, slots=self.slots), (1, 0)
        return self, (0, 1)

    def rename(self, names: Names) -> Atom:
        """Rename free random variables."""
        return enclosed(self.kind, self.parts[0].rename(names), self.name)


def enclosed(kind: str, inside: Tensor, size: str = "") -> Atom:
    """The atom of a function of a tensor, named by its size where that is told; symmetric matrices are recognised."""
    symmetric = inside.rank == 2 and inside.permuted((1, 0)) == inside
    return Enclosed(kind, (inside,), name=size, rank=inside.rank, slots=(0, 0) if symmetric else ())


class Tensor:
    """A sum of words with coefficients; rank 0 is a scalar, 1 a vector, 2 a matrix (rows, columns)."""

    def __init__(self, rank: int, terms: dict[Word, Ratio]) -> None:
        self.rank, self.terms = rank, {w: c for w, c in terms.items() if c}

    @classmethod
    def scalar(cls, value: Ratio) -> Tensor:
        """A coefficient alone."""
        return cls(0, {EMPTY: value})

    @classmethod
    def factor(cls, atom: Atom) -> Tensor:
        """A single tensor factor, its slots open in order."""
        scale, word = assemble([(atom, tuple(range(atom.rank)))], range(atom.rank))
        return cls(atom.rank, {word: scale})

    @cached_property
    def key(self) -> str:
        """Canonical text."""
        return (
            " + ".join(f"({self.terms[w].key})*{w.key}" for w in sorted(self.terms, key=lambda w: w.key))
            or f"0_{self.rank}"
        )

    @cached_property
    def free(self) -> frozenset[str]:
        """Random variables that stand free in it."""
        return frozenset().union(*(w.free | c.free for w, c in self.terms.items()))

    @cached_property
    def height(self) -> int:
        """Nesting depth of expectations."""
        return max((max(w.height, c.height) for w, c in self.terms.items()), default=0)

    @property
    def ratio(self) -> Ratio:
        """The coefficient of a scalar."""
        return self.terms.get(EMPTY, Ratio.number(0))

    def rename(self, names: Names) -> Tensor:
        """Rename free random variables."""
        if not self.free & names.keys():
            return self
        return total(self.rank, ((w.rename(names), c.rename(names)) for w, c in self.terms.items()))

    def scaled(self, factor: Ratio) -> Tensor:
        """Multiple by a coefficient."""
        return Tensor(self.rank, {w: c * factor for w, c in self.terms.items()})

    def permuted(self, order: Sequence[int]) -> Tensor:
        """New index p is the old index order[p]."""
        return contract([(self, tuple(range(self.rank)))], tuple(order))

    def __add__(self, other: Tensor) -> Tensor:
        return total(self.rank, (*self.terms.items(), *other.terms.items()))

    def __sub__(self, other: Tensor) -> Tensor:
        return self + other.scaled(Ratio.number(-1))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tensor) and (self.rank, self.key) == (other.rank, other.key)

    def __hash__(self) -> int:
        return hash(self.key)


def total(rank: int, terms: Iterable[tuple[Word, Ratio]]) -> Tensor:
    """Sum of words that may repeat."""
    gathered: dict[Word, Ratio] = {}
    for word, c in terms:
        gathered[word] = gathered[word] + c if word in gathered else c
    return Tensor(rank, gathered)


def contract(tensors: Sequence[tuple[Tensor, tuple[Any, ...]]], opens: Sequence[Any]) -> Tensor:
    """Product of tensors; an index that stands twice is summed over, `opens` are the indices of the result in order."""
    terms: list[tuple[Word, Ratio]] = []
    for choice in product(*(list(t.terms.items()) for t, _ in tensors)):
        scale, factors = Ratio.number(1), []
        for place, ((word, c), (_, idx)) in enumerate(zip(choice, tensors)):
            scale = scale * c
            factors += [(a, tuple(idx[i] if i < word.rank else (place, i) for i in inner)) for a, inner in word.factors]
        extra, word = assemble(factors, opens)
        terms.append((word, scale * extra))
    return total(len(opens), terms)


def each(tensor: Tensor, image: Callable[[Word, Ratio], Tensor]) -> Tensor:
    """Sum of the images of the terms."""
    return total(tensor.rank, (pair for w, c in tensor.terms.items() for pair in image(w, c).terms.items()))
