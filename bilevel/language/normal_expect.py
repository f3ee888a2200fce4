"""Expectations in the normal form: linear, independent factors split, unused variables dropped, nested ones flattened.

Main definitions: `Binder` (a bound variable and its law), `Block` (an expectation as an atom), `Expecter.expect`.

An expectation of a tensor is a sum of products of blocks. A block holds a monomial over a denominator times a
connected word, and no factor that is free of its variables. Bound variables are named by nesting height and place,
so that names never collide; among variables of one law the naming with the least text is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

from bilevel.language.normal_atom import Atom
from bilevel.language.normal_block import Binder, named
from bilevel.language.normal_ratio import ONE, Monomial, Polynomial, Ratio, factor, monomial
from bilevel.language.normal_tensor import Tensor, contract, each, total
from bilevel.language.normal_word import Factor, Word, assemble


class Piece(NamedTuple):
    """Part of an integrand: what it is, the variables it uses, how it enters a coefficient or a word."""

    uses: frozenset[str]
    ratio: Ratio
    factors: tuple[Factor, ...] = ()


class Expecter:
    """Takes expectations; keeps a counter of fresh names and tells `note` which rules it used."""

    def __init__(
        self, note: Callable[..., None] | None = None, moments: Callable[..., Tensor | None] | None = None
    ) -> None:
        self.fresh_names = (f"%{n}" for n in count())
        self.note, self.moments = note or (lambda *_: None), moments or (lambda *_: None)

    def fresh(self, binders: Iterable[Binder]) -> tuple[tuple[Binder, ...], dict[str, str]]:
        """The binders under new names."""
        binders = tuple(binders)
        names = {b.variable.name: next(self.fresh_names) for b in binders}
        return tuple(b.rename(names) for b in binders), names

    def expect(self, binders: tuple[Binder, ...], tensor: Tensor, given: tuple = ()) -> Tensor:
        """Expectation over the binders (later laws may depend on earlier ones), given (event, at) if not empty."""
        if not binders:
            return tensor
        if given:
            return each(tensor, lambda word, ratio: self._conditional(binders, ratio, word, given))
        return each(tensor, lambda word, ratio: self._term(binders, ratio, word))

    def _conditional(self, binders: tuple[Binder, ...], ratio: Ratio, word: Word, given: tuple) -> Tensor:
        """Linear in the integrand; factors free of the bound variables come out."""
        own = frozenset(b.variable.name for b in binders)
        results: list[tuple[Word, Ratio]] = []
        for m, c in ratio.num.items():
            pieces = list(_pieces(m, ratio.den, word, own))
            inner = [p for p in pieces if p.uses]
            scale, factors = Ratio.number(c), [f for p in pieces if not p.uses for f in p.factors]
            for piece in pieces:
                scale = scale if piece.uses else scale * piece.ratio
            if inner:
                part, inside, opens = _gathered(inner)
                extra, body = assemble(inside, opens)
                block = named(binders, part * extra, body, given)
                scale, factors = (
                    (scale, [*factors, (block, tuple(opens))]) if opens else (scale * Ratio.of(block), factors)
                )
            extra, result = assemble(factors, range(word.rank))
            results.append((result, scale * extra))
        return total(word.rank, results)

    def _term(self, binders: tuple[Binder, ...], ratio: Ratio, word: Word) -> Tensor:
        own = {b.variable.name for b in binders}
        if not (ratio.free | word.free) & own:
            self.note("drop", binders)
            return Tensor(word.rank, {word: ratio})
        opened = self._open_nested(binders, ratio, word)
        if opened is not None:
            self.note("flatten", binders)
            return opened
        results: list[tuple[Word, Ratio]] = []
        for m, c in ratio.num.items():
            results += self._monomial(binders, m, c, ratio.den, word).terms.items()
        return total(word.rank, results)

    def _open_nested(self, binders: tuple[Binder, ...], ratio: Ratio, word: Word) -> Tensor | None:
        """Pull the variables of one inner expectation that enters polynomially out to this one, if there is one."""
        own = {b.variable.name for b in binders}
        below = {a for m in ratio.den for a, _ in m}
        if any(_opens(a, own) for a, _ in word.factors):
            return self._open_one(binders, ratio, word, None)
        for m, c in ratio.num.items():
            chosen = next((a for a, e in m if _opens(a, own) and a not in below and e.denominator == 1), None)
            if chosen is None:
                continue
            left = monomial([*m, (chosen, Fraction(-1))])
            done = self._open_one(binders, Ratio({left: c}, ratio.den), word, chosen)
            rest = {n: d for n, d in ratio.num.items() if n != m}
            return done + self._term(binders, Ratio(rest, ratio.den), word) if rest else done
        return None

    def _open_one(self, binders: tuple[Binder, ...], base: Ratio, word: Word, chosen: Atom | None) -> Tensor:
        """Lay one inner expectation open: a scalar block, or a block among the tensor factors."""
        own = {b.variable.name for b in binders}
        if chosen is not None and chosen.kind == "block":
            extra, names = self.fresh(chosen.parts[0])
            return self._term(binders + extra, base * chosen.parts[1].rename(names), word)
        factors = list(word.factors)
        if chosen is not None:
            factors += [(a, tuple(("c", i) for i in idx)) for a, idx in chosen.parts[0].factors]
        place = next(p for p, (a, _) in enumerate(factors) if a.kind == "block" and a.free & own)
        block, idx = factors.pop(place)
        extra, names = self.fresh(block.parts[0])
        inside = block.parts[2].rename(names)
        factors += [(a, tuple(idx[i] if i < block.rank else ("b", i) for i in inner)) for a, inner in inside.factors]
        scale, spliced = assemble(factors, range(word.rank))
        return self._term(binders + extra, base * block.parts[1].rename(names) * scale, spliced)

    def _monomial(self, binders: tuple[Binder, ...], m: Monomial, c: Fraction, den: Polynomial, word: Word) -> Tensor:
        """One monomial over a denominator times a word: split into independent blocks."""
        own = {b.variable.name: b for b in binders}
        pieces = list(_pieces(m, den, word, frozenset(own)))
        if any(_is_lone_score(binder, pieces, binders) for binder in binders):
            self.note("score", binders)
            return Tensor(word.rank, {})
        groups: list[tuple[frozenset[str], list[Piece]]] = []
        factors: list[Factor] = []
        scale = Ratio.number(c)
        for piece in pieces:
            uses = _closure(piece.uses, own)
            if not uses:
                scale, factors = scale * piece.ratio, factors + list(piece.factors)
                continue
            touching = [g for g in groups if g[0] & uses]
            merged = (uses.union(*(g[0] for g in touching)), [p for g in touching for p in g[1]] + [piece])
            groups = [g for g in groups if not any(g is t for t in touching)] + [merged]
        if len(groups) > 1:
            self.note("split", binders)
        known: list[tuple[Tensor, tuple[Any, ...]]] = []
        for uses, members in groups:
            ratio, inner, opens = _gathered(members)
            extra, body = assemble(inner, opens)
            block = named(tuple(b for b in binders if b.variable.name in uses), ratio * extra, body)
            moment = self.moments(block)
            if moment is not None:
                self.note("moment", binders)
                known.append((moment, tuple(opens)))
            elif opens:
                factors.append((block, tuple(opens)))
            else:
                scale = scale * Ratio.of(block)
        if known:
            rest = [(Tensor.factor(a), idx) for a, idx in factors]
            return contract([*known, (Tensor.scalar(scale), ()), *rest], tuple(range(word.rank)))
        extra, result = assemble(factors, range(word.rank))
        return Tensor(word.rank, {result: scale * extra})


def _opens(atom: Atom, own: set[str]) -> bool:
    """Whether an atom is, or contracts, an inner expectation that depends on the variables averaged over now."""
    if atom.kind == "contraction":
        return any(_opens(a, own) for a, _ in atom.parts[0].factors)
    return atom.kind == "block" and bool(atom.free & own)


def _is_lone_score(binder: Binder, pieces: list[Piece], binders: tuple[Binder, ...]) -> bool:
    """Whether a variable enters only through the score of its own density, in one of the parameters."""
    variable, law = binder
    mine = [piece for piece in pieces if variable.name in piece.uses]
    if len(mine) != 1 or not law.name.startswith("density ") or any(variable.name in b.law.free for b in binders):
        return False
    atom = mine[0].factors[0][0] if mine[0].factors else mine[0].ratio.atom
    if atom is None or atom.kind != "partial density" or len(atom.payload[1]) != 1 or atom.payload[1][0] == 0:
        return False
    value = Tensor.factor(variable) if variable.rank else Ratio.of(variable)
    same_law = law.name.split(" ")[1] == atom.payload[0].name and law.parts == atom.parts[1:]
    return same_law and bool(atom.parts[0] == value)


def _gathered(members: list[Piece]) -> tuple[Ratio, list[Factor], list[Any]]:
    """Coefficient, factors and open indices of one group (shared with other groups, or open in the whole word)."""
    inner: list[Factor] = []
    ratio = Ratio.number(1)
    for piece in members:
        ratio, inner = ratio * piece.ratio, inner + list(piece.factors)
    indices = [i for _, idx in inner for i in idx]
    return ratio, inner, [i for i in dict.fromkeys(indices) if indices.count(i) == 1]


def _pieces(m: Monomial, den: Polynomial, word: Word, own: frozenset[str]) -> Iterator[Piece]:
    """The factors of an integrand, contractions laid open."""
    tag = count()
    for a, e in m:
        if a.kind == "contraction" and a.free & own and e.denominator == 1 and e > 0:
            for _ in range(int(e)):
                copy = next(tag)
                for f, idx in a.parts[0].factors:
                    yield Piece(f.free & own, Ratio.number(1), ((f, tuple((copy, i) for i in idx)),))
        else:
            yield Piece(a.free & own, Ratio.of(a, e))
    if set(den) != {ONE}:
        content, factors = factor(den)
        yield Piece(frozenset(), Ratio.number(1 / content))
        for poly, power in factors:
            inverse = Ratio.of(next(iter(poly))[0][0], -power) if len(poly) == 1 else Ratio(poly) ** -power
            yield Piece(inverse.free & own, inverse)
    for f, idx in word.factors:
        yield Piece(f.free & own, Ratio.number(1), ((f, tuple(i if i < word.rank else ("w", i) for i in idx)),))


def _closure(uses: frozenset[str], own: dict[str, Binder]) -> frozenset[str]:
    """The variables used, together with those their laws depend on."""
    while True:
        more = uses.union(*(own[name].law.free & own.keys() for name in uses))
        if more == uses:
            return uses
        uses = more
