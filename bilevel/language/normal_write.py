"""From sums of coefficient times word back to the nodes of the model-level language, for people to read.

Main definitions: `Writer`, `write_tensor`.

Expectations over the same variables are gathered under one sign. Words that are chains or trees become products, inner
products and contracted partials; a closed cycle becomes a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

import sympy as sp
from sympy.core.symbol import Str

from bilevel.language import functions
from bilevel.language.algebra import plus, product, transpose
from bilevel.language.diagonal import Diagonal
from bilevel.language.errors import UnknownAnswer
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.laws import LogDensity
from bilevel.language.networks import partial
from bilevel.language.nodes import dimension, dot, scale, stop_gradient
from bilevel.language.normal_atom import Atom
from bilevel.language.normal_ratio import ONE, Monomial, Polynomial, Ratio, factor, sign
from bilevel.language.normal_tensor import Tensor
from bilevel.language.normal_word import EMPTY, Factor, Word, cycle, path
from bilevel.language.normal_zero import law_text
from bilevel.language.substitute import renamed

Scope = Mapping[str, Any]


def write_tensor(tensor: Tensor, rows: bool, columns: bool, dims: tuple[Any, Any] = (1, 1)) -> Any:
    """The expression of a tensor; raises UnknownAnswer where no node of the language says it."""
    if not tensor:
        return sp.ZeroMatrix(*dims) if rows or columns else sp.S.Zero
    done = Writer().tensor(tensor, {})
    if done is None:
        return sp.ZeroMatrix(*dims)
    return transpose(done) if columns and not rows else done


class Gathered(NamedTuple):
    """Expectations over the same variables: the binders, their names while they are written, the integrands."""

    binders: Any
    names: tuple[str, ...]
    terms: list[tuple[Word, Ratio]]


class Writer:
    """Writes tensors; a scope maps the names of bound variables to the random variables that stand for them."""

    def __init__(self) -> None:
        self.count = count()

    def tensor(self, tensor: Tensor, scope: Scope) -> Any:
        """A sum of terms, expectations over the same variables gathered; None for an empty sum of vectors."""
        single: list[Any] = []
        gathered: dict[tuple[str, Ratio], Gathered] = {}
        for word in sorted(tensor.terms, key=lambda w: w.key):
            for outer, block, rest in _split(word, tensor.terms[word]):
                if block is None:
                    factor = self.ratio(outer, scope)
                    single.append(scale(factor, self.word(rest, scope)) if rest.rank else factor)
                    continue
                content, bare = _content(outer)
                key = (law_text(block.parts[0]), bare)
                group = gathered.setdefault(key, Gathered(block.parts[0], self.fresh(block.parts[0]), []))
                names = {b.variable.name: name for b, name in zip(block.parts[0], group.names, strict=True)}
                inside = block.parts[1].rename(names) * Ratio.number(content)
                group.terms.append((block.parts[2].rename(names), inside))
        for (_, bare), group in gathered.items():
            mean = self.average(group, tensor.rank, scope)
            single += [] if mean is None else [scale(self.ratio(bare, scope), mean)]
        if tensor.rank == 0:
            return sp.Add(*single)
        return plus(*single) if single else None

    def fresh(self, binders: Any) -> tuple[str, ...]:
        """Names for bound variables that occur nowhere else."""
        return tuple(f"?{next(self.count)}" for _ in binders)

    def average(self, group: Gathered, rank: int, scope: Scope) -> Any:
        """One expectation of a sum of words."""
        inner, drawn = self.drawn(group, scope)
        merged: dict[Word, Ratio] = {}
        for word, c in group.terms:
            merged[word] = merged[word] + c if word in merged else c
        whole = Tensor(rank, merged)
        body = self.tensor(whole, inner)
        if body is None or not whole.free & set(group.names):
            return body
        return (ExpectationMatrix if rank else Expectation)(body, *drawn)

    def drawn(self, group: Gathered, scope: Scope) -> tuple[Scope, list[Any]]:
        """The scope with the bound variables in it, and the variables in an order in which they can be drawn."""
        names = {b.variable.name: name for b, name in zip(group.binders, group.names, strict=True)}
        inner, taken, drawn = dict(scope), {v.name for v in scope.values()}, []
        waiting = [b.rename(names) for b in group.binders]
        while waiting:
            place = next(p for p, b in enumerate(waiting) if not b.law.free & {c.variable.name for c in waiting})
            b = waiting.pop(place)
            stem = b.variable.payload
            if "~" in stem.name:
                stem = stem.func(Str(stem.name.split("~")[0]), *stem.args[1:])
            inner[b.variable.name] = renamed(stem, taken, self.law(b.law, inner))
            drawn.append(inner[b.variable.name])
            taken.add(drawn[-1].name)
        return inner, drawn

    def law(self, atom: Atom, scope: Scope) -> Any:
        """The law of a bound variable."""
        law = atom.payload
        parts = [self.part(p, scope) for p in atom.parts if not isinstance(p, str)]
        if not parts:
            return law
        if atom.name == "finite":
            return law
        return law.func(*law.args[: len(law.args) - len(parts)], *parts)

    def part(self, part: Any, scope: Scope) -> Any:
        """An argument: a coefficient or a vector."""
        return self.ratio(part, scope) if isinstance(part, Ratio) else self.tensor(part, scope)

    def ratio(self, ratio: Ratio, scope: Scope) -> Any:
        """A coefficient."""
        if len(ratio.num) > 1 and any(block is not None for _, block, _ in _split(EMPTY, ratio)):
            return self.tensor(Tensor.scalar(ratio), scope)
        if set(ratio.den) == {ONE}:
            return self.poly(ratio.num, scope)
        content, pieces = factor(ratio.den)
        below = sp.S.One
        for piece, power in pieces:  # 1 - D rather than D - 1 where that is the positive one
            turn = -1 if sign(piece) < 0 else 1
            content = content * turn ** int(power) if turn < 0 else content
            below = below * self.poly({m: turn * c for m, c in piece.items()}, scope) ** _number(power)
        return self.poly({m: c / content for m, c in ratio.num.items()}, scope) / below

    def poly(self, poly: Polynomial, scope: Scope) -> Any:
        """A polynomial in atoms."""
        return sp.Add(
            *(sp.Mul(_number(c), *(self.atom(a, scope) ** _number(e) for a, e in m)) for m, c in poly.items())
        )

    def atom(self, atom: Atom, scope: Scope) -> Any:
        """A scalar atom."""
        kind = atom.kind
        if kind == "random":
            return scope.get(atom.name, atom.payload)
        if kind in ("symbol", "opaque"):
            return atom.payload
        if kind == "dimension":
            return dimension(atom.name)
        if kind in ("exp", "log"):
            return getattr(sp, kind)(self.ratio(atom.parts[0], scope))
        if kind == "power":
            return self.ratio(atom.parts[0], scope) ** self.ratio(atom.parts[1], scope)
        if kind == "root":
            return self.ratio(atom.parts[0], scope)
        if kind == "function":
            arguments = [self.ratio(p, scope) for p in atom.parts]
            known: Any = getattr(sp, atom.name, None) or getattr(functions, atom.name, sp.Function(atom.name))
            return sp.Function(atom.name[1:])(*arguments) if atom.name.startswith("'") else known(*arguments)
        if kind in ("call", "density", "partial call", "partial density"):
            return self.call(atom, scope, ())
        if kind == "contraction":
            return self.closed(atom.parts[0], scope)
        if kind == "stop":
            return stop_gradient(self.tensor(atom.parts[0], scope))
        if kind in ("block", "conditional"):
            return self.block(atom, scope)
        raise UnknownAnswer(f"no node writes {kind}")

    def block(self, atom: Atom, scope: Scope) -> Any:
        """A single expectation, plain or conditional."""
        binders, ratio, word, given = atom.parts
        fresh = self.fresh(binders)
        names = {b.variable.name: name for b, name in zip(binders, fresh, strict=True)}
        group = Gathered(binders, fresh, [(word.rename(names), ratio.rename(names))])
        if not given:
            return self.average(group, atom.rank, scope)
        inner, drawn = self.drawn(group, scope)
        body = self.tensor(Tensor(atom.rank, dict(group.terms)), inner)
        event, at = self.part(given[0].rename(names), inner), self.part(given[1], scope)
        return (ConditionalMatrix if atom.rank else Conditional)(body, tuple(drawn), event, at)

    def call(self, atom: Atom, scope: Scope, held: tuple[Any, ...]) -> Any:
        """An applied network or log-density, or its partial with vectors (or None) in its slots."""
        arguments = [self.part(p, scope) for p in atom.parts]
        head = atom.payload[0] if atom.kind.startswith("partial") else atom.payload
        if atom.kind.endswith("density"):
            law = head.func(*head.args[: len(head.args) - len(head.parameters)], *arguments[1:])
            applied = LogDensity(law, arguments[0])
        else:
            applied = head(*arguments)
        if not atom.kind.startswith("partial"):
            return applied
        slots, waiting = [], list(held[1:] if applied.output is not None else held)
        for place in atom.payload[1]:
            slots.append((place, None if isinstance(atom.parts[place], Ratio) else waiting.pop(0)))
        return partial(applied, slots, held[0] if applied.output is not None and held else None)

    # tensor factors

    def word(self, word: Word, scope: Scope) -> Any:
        """A column (one open index) or a matrix (two), rows first."""
        if word.rank == 1:
            return self.column(word.factors, 0, None, scope)
        way = path(word.factors, 0, 1)
        if way is None:
            return product(
                self.column(word.factors, 0, None, scope), transpose(self.column(word.factors, 1, None, scope))
            )
        return product(*(self.matrix(word.factors, place, entry, leave, scope) for place, entry, leave in way))

    def closed(self, word: Word, scope: Scope) -> Any:
        """A contraction without open indices: an inner product, a contracted partial, or a trace."""
        factors = word.factors
        loop = cycle(factors)
        if loop is not None:
            return sp.Trace(product(*(self.matrix(factors, p, a, b, scope) for p, a, b in loop)))
        for place, (atom, idx) in enumerate(factors):
            if atom.rank == 1:
                return dot(self.single(atom, scope), self.column(factors, idx[0], place, scope))
        raise UnknownAnswer("a contraction without a vector or a loop is not written")

    def column(self, factors: tuple[Factor, ...], index: Any, come_from: int | None, scope: Scope) -> Any:
        """The column that leaves a tree of factors through an index."""
        place = next(p for p, (_, idx) in enumerate(factors) if index in idx and p != come_from)
        atom, idx = factors[place]
        slot = idx.index(index)
        held = tuple(None if s == slot else self.column(factors, i, place, scope) for s, i in enumerate(idx))
        if atom.rank == 1:
            return self.single(atom, scope)
        if atom.kind == "copy":
            *others, last = held[:slot] + held[slot + 1 :]
            return product(*map(Diagonal, others), last)
        if atom.kind.startswith("partial"):
            return self.call(atom, scope, held)
        if atom.rank == 2:
            whole, other = self.single(atom, scope), held[1 - slot]
            return product(whole if slot == 0 else transpose(whole), other)
        raise UnknownAnswer("an expectation with three open indices is not written")

    def matrix(self, factors: tuple[Factor, ...], place: int, entry: int, leave: int, scope: Scope) -> Any:
        """One factor of a chain: the matrix from slot `entry` (rows) to slot `leave` (columns)."""
        atom, idx = factors[place]
        held = tuple(None if s in (entry, leave) else self.column(factors, i, place, scope) for s, i in enumerate(idx))
        if atom.kind == "copy":
            return product(*(Diagonal(one) for one in held if one is not None))
        if atom.kind.startswith("partial"):
            whole = self.call(atom, scope, held)
        elif atom.rank == 2:
            whole = self.single(atom, scope)
        else:
            raise UnknownAnswer("an expectation with three open indices is not written")
        return whole if entry < leave else transpose(whole)

    def single(self, atom: Atom, scope: Scope) -> Any:
        """A vector or matrix factor by itself."""
        kind = atom.kind
        if kind == "random":
            return scope.get(atom.name, atom.payload)
        if kind in ("vector", "matrix", "selection"):
            return atom.payload
        if kind in ("identity", "copy"):
            size = dimension(int(atom.parts[0]) if atom.parts[0].isdigit() else atom.parts[0])
            return sp.Identity(size) if kind == "identity" else sp.OneMatrix(size, 1)
        if kind == "entries":
            rows, columns = map(int, atom.name.split("x"))
            return sp.ImmutableMatrix(rows, columns, [self.ratio(p, scope) for p in atom.parts])
        if kind == "inverse":
            return sp.Inverse(self.tensor(atom.parts[0], scope))
        if kind == "stop":
            return stop_gradient(self.tensor(atom.parts[0], scope))
        if kind in ("block", "conditional"):
            return self.block(atom, scope)
        return self.call(atom, scope, (None,) * atom.rank if kind.startswith("partial") else ())


def _number(value: Fraction) -> Any:
    return sp.Rational(value.numerator, value.denominator)


def _content(ratio: Ratio) -> tuple[Fraction, Ratio]:
    """A number in front, chosen so that the rest is the same for multiples."""
    lead = next(iter(ratio.num.values()))
    return lead, Ratio({m: c / lead for m, c in ratio.num.items()}, ratio.den, reduced=True)


def _split(word: Word, c: Ratio) -> Iterable[tuple[Ratio, Atom | None, Word]]:
    """Terms of a coefficient times a word as (outside, expectation or None, rest)."""
    if word.rank:
        only = word.factors[0][0] if len(word.factors) == 1 else None
        if only is not None and only.kind == "block" and word.factors[0][1] == tuple(range(word.rank)):
            yield c, only, EMPTY
        else:
            yield c, None, word
        return
    plain: dict[Monomial, Fraction] = {}
    for m, number in c.num.items():
        single = [a for a, e in m if a.kind == "block" and e == 1]
        if (
            len(single) == 1
            and sum(a.kind == "block" for a, _ in m) == 1
            and not any(a.kind == "block" for n in c.den for a, _ in n)
        ):
            yield Ratio({tuple(pair for pair in m if pair[0] != single[0]): number}, c.den), single[0], EMPTY
        else:
            plain[m] = number
    if plain:
        yield Ratio(plain, c.den), None, EMPTY
