"""Laws of scalar random variables at the coordinate level, and the safe reader of their text.

Main definitions: `Normal`, `Uniform`, `Finite`, `Bernoulli`, `outcomes`, `read_law`.
Averages under them: `bilevel.language.moments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.errors import BilevelError, GameError, ReadError
from bilevel.language.names import nearest
from bilevel.language.reader import read, read_value

__all__ = ["Bernoulli", "Finite", "Law", "Normal", "Uniform", "outcomes", "read_law"]


@dataclass(frozen=True)
class Normal:
    """Normal law, given by its mean and its VARIANCE."""

    mean: Any
    variance: Any

    def __post_init__(self) -> None:
        _set(self, mean=_real(self.mean), variance=_real(self.variance))
        if self.variance.is_negative:
            raise GameError(f"a variance is not negative, got {self.variance}; write normal(mean, variance)")


@dataclass(frozen=True)
class Uniform:
    """Uniform law on the interval from low to high."""

    low: Any
    high: Any

    def __post_init__(self) -> None:
        _set(self, low=_real(self.low), high=_real(self.high))
        if (self.high - self.low).is_nonpositive:
            raise GameError(f"uniform({self.low}, {self.high}) has no room between its ends; give the lower end first")


@dataclass(frozen=True)
class Finite:
    """Law on finitely many values, with their probabilities."""

    values: tuple[Any, ...]
    probabilities: tuple[Any, ...]

    def __post_init__(self) -> None:
        _set(self, values=tuple(map(_real, self.values)), probabilities=tuple(map(_probability, self.probabilities)))
        if not self.values or len(self.values) != len(self.probabilities):
            raise GameError(
                f"{len(self.values)} values have {len(self.probabilities)} probabilities; give one for each value"
            )
        excess = sp.together(sp.Add(*self.probabilities) - 1)
        if sp.expand(sp.fraction(excess)[0]) != 0 and not excess.equals(0):
            total = sp.expand(excess + 1)
            raise GameError(f"the probabilities add up to {total}, not to 1; write the last one as 1 minus the others")


@dataclass(frozen=True)
class Bernoulli:
    """Law of a variable that is 1 with probability p, else 0."""

    p: Any

    def __post_init__(self) -> None:
        _set(self, p=_probability(self.p))


Law = Normal | Uniform | Finite | Bernoulli


def outcomes(law: Law) -> tuple[tuple[Any, Any], ...] | None:
    """(value, probability) pairs of a law on finitely many values, None for the others."""
    if isinstance(law, Bernoulli):
        return ((sp.S.Zero, 1 - law.p), (sp.S.One, law.p))
    return tuple(zip(law.values, law.probabilities)) if isinstance(law, Finite) else None


def read_law(description: Any, names: Mapping[str, Any], *, file: str | None = None) -> Law:
    """The law that a problem file gives: text, or a table of values and probabilities.

    Math:
        normal(mean, VARIANCE), bernoulli(p), uniform(low, high); {values = [...], probabilities = [...]}.
    Raises:
        ReadError: for another name, a wrong number of parameters, or parameters that give no law.
    Reference:
        The grammar of `bilevel.language.reader.read`.
    Examples:
        >>> s = sp.Symbol("sigma", positive=True)
        >>> read_law("normal(0, sigma^2)", {"sigma": s})
        Normal(mean=0, variance=sigma**2)
        >>> read_law({"values": [0, 1], "probabilities": ["1/3", "2/3"]}, {})
        Finite(values=(0, 1), probabilities=(1/3, 2/3))
    """
    kinds: dict[str, tuple[Any, int]] = {"normal": (Normal, 2), "bernoulli": (Bernoulli, 1), "uniform": (Uniform, 2)}
    try:
        if isinstance(description, Mapping):
            return _law_from_table(description, names)
        heads = {name: sp.Function(name) for name in kinds}
        found = read(description, {name: value for name, value in names.items() if name not in kinds}, heads)
        head = type(found).__name__
        if head not in kinds or found.func != heads[head]:
            raise ReadError("a law was expected; write normal(mean, variance), bernoulli(p) or uniform(low, high)")
        kind, count = kinds[head]
        if len(found.args) != count:
            example = {"normal": "normal(0, 1)", "bernoulli": "bernoulli(1/2)", "uniform": "uniform(-1, 1)"}[head]
            raise ReadError(f"{head} takes {count} parameter(s), got {len(found.args)}; write for example {example}")
        if found.atoms(*heads.values()) != {found}:
            raise ReadError("the parameters of a law are numbers, not laws; declare a second random variable")
        return kind(*found.args)
    except ReadError as error:
        raise ReadError(error.message, line=error.line, column=error.column, file=file or error.file) from None
    except GameError as error:
        raise ReadError(str(error), file=file) from None


def _law_from_table(table: Mapping[str, Any], names: Mapping[str, Any]) -> Finite:
    for key in table:
        if key not in ("values", "probabilities"):
            close = nearest(str(key), ("values", "probabilities")) or "values and probabilities"
            raise ReadError(f"{key!r} is no entry of a law; did you mean {close}?")
    values, probabilities = table.get("values"), table.get("probabilities")
    if not isinstance(values, (list, tuple)) or not isinstance(probabilities, (list, tuple)):
        raise ReadError('a finite law has two lists; write { values = [0, 1], probabilities = ["p", "1 - p"] }')
    return Finite(*[tuple(read_value(entry, names) for entry in entries) for entries in (values, probabilities)])


def _set(law: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(law, name, value)


def _real(value: Any) -> sp.Expr:
    """A parameter as an exact real expression."""
    try:
        value = read_value(value)
    except BilevelError as error:
        raise GameError(f"a parameter of a law cannot be read: {error}") from None
    if not isinstance(value, sp.Expr) or value.is_extended_real is False or value.is_infinite:
        raise GameError(f"a parameter of a law is a real number, got {value}; correct it")
    return value


def _probability(value: Any) -> sp.Expr:
    value = _real(value)
    if value.is_negative or (1 - value).is_negative:
        raise GameError(f"a probability lies between 0 and 1, got {value}; correct it")
    return value
