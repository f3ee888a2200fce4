"""Numbers for everything a model-level expression leaves open: dimensions, networks, laws, the point.

Main definitions: `realise`, `Realisation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.diagonal import Selection
from bilevel.language.errors import GameError
from bilevel.language.instance import Instance
from bilevel.language.law_kinds import Data, Density, Normal
from bilevel.language.networks import Applied, AppliedVector
from bilevel.language.nodes import RandomScalar, RandomVector
from bilevel.language.scope import free_variables
from bilevel.numeric.forms import SPREAD, Counting, Function, Gaussian, Given, Multilayer
from bilevel.numeric.precision import checked_dtype


@dataclass(frozen=True)
class Realisation:
    """A concrete choice for everything unspecified, and the numbers drawn for it.

    Math: `dims` sizes of spaces, `networks` and `laws` forms by name, `variables` the free variables, `numbers` the
        arrays: the point under "values", weights under "networks", outcomes under "laws".

    Shapes: a vector of dimension n is an array of shape (n,), a scalar has shape ().

    Reference: Claessen and Hughes (2000), QuickCheck, for checking laws on random instances.

    Examples:
        >>> from bilevel.language import network, vector
        >>> made = realise(network("D")(vector("w", "n"), vector("phi", "q")), seed=1, dims={"n": 2, "q": 3})
        >>> {name: value.shape for name, value in made.values.items()}
        {'phi': (3,), 'w': (2,)}
    """

    dims: Mapping[str, int]
    networks: Mapping[str, Any]
    laws: Mapping[str, Any]
    variables: tuple[Any, ...]
    numbers: Mapping[str, Any]
    fixed: Mapping[str, Any]
    dtype: np.dtype
    fine: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The point: an array for every free variable, by name."""
        return dict(self.numbers["values"])

    def size(self, dimension: Any) -> int:
        """A dimension as a number."""
        return Instance(dims=self.dims).size(dimension)

    def redrawn(self, seed: int) -> Realisation:
        """The same forms and sizes with other numbers (what the caller fixed stays)."""
        return replace(self, numbers=_drawn(self, np.random.default_rng(seed)))

    def at(self, values: Mapping[Any, Any]) -> Realisation:
        """The same with some values replaced."""
        changed = {str(getattr(key, "name", key)): np.asarray(value, dtype=self.dtype) for key, value in values.items()}
        return replace(self, numbers={**self.numbers, "values": {**self.values, **changed}})


def realise(
    *expressions: Any,
    seed: int = 0,
    dims: Mapping[str, int] | None = None,
    networks: Mapping[str, Any] | None = None,
    laws: Mapping[str, Any] | None = None,
    values: Mapping[Any, Any] | None = None,
    sizes: Sequence[int] = (2, 3, 2, 4),
    outcomes: int = 3,
    dtype: Any = "float64",
) -> Realisation:
    """Random numbers for everything that expressions leave open; what is given stays as given.

    Math: networks become random tanh networks whose parameter vector (the last argument) holds their weights;
        `networks` may give a JAX function instead. Data laws and densities get `outcomes` random outcomes with
        smooth probabilities; `laws` may give outcomes (rows of an array), a pair (outcomes, probabilities), or
        "gaussian" for a normal law around a network of the parameters. Unspecified dimensions take `sizes` in turn,
        in alphabetical order.

    Shapes: see `Realisation`.

    Raises: GameError if a network or law that is given fits nothing in the expressions.

    Reference: Claessen and Hughes (2000), QuickCheck, for checking laws on random instances.

    Examples:
        >>> from bilevel.language import E, normal, random, vector, dot
        >>> z, v = random("z", normal("m")), vector("v", "m")
        >>> realise(E(dot(z, v), z), dims={"m": 4}).values["v"].shape
        (4,)
    """
    known = [expr for expr in expressions if isinstance(expr, sp.Basic)]
    symbols = sorted({s for e in known for s in e.atoms(sp.Symbol) if s.is_integer and s.is_positive}, key=str)
    chosen = {s.name: int(sizes[k % len(sizes)]) for k, s in enumerate(symbols)} | dict(dims or {})
    free = sorted({v for e in known for v in free_variables(e) if v.name not in chosen}, key=str)
    laws_found = {law.name: law for e in known for law in e.atoms(Data, Density)}
    calls = _calls(known)
    _only_known("networks", networks, calls)
    _only_known("laws", laws, laws_found)
    instance = Instance(dims=chosen)
    fixed = {str(getattr(key, "name", key)): value for key, value in (values or {}).items()}
    normals = [law for e in known for law in e.atoms(Normal)]
    fine = any(free_variables(law) for law in normals) or "gaussian" in [
        g for g in (laws or {}).values() if isinstance(g, str)
    ]
    plan = Realisation(
        chosen,
        {name: _network(name, found, instance, (networks or {}).get(name)) for name, found in calls.items()},
        {name: _law(law, instance, (laws or {}).get(name), outcomes) for name, law in laws_found.items()},
        tuple(free),
        {},
        fixed,
        checked_dtype(dtype),
        fine,
    )
    return plan.redrawn(seed)


def _only_known(what: str, given: Mapping[str, Any] | None, found: Mapping[str, Any]) -> None:
    if extra := sorted(set(given or {}) - set(found)):
        raise GameError(
            f"{what} gives {', '.join(extra)}, which the expressions do not use; they use {', '.join(found) or 'none'}"
        )


def _calls(expressions: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for expr in expressions:
        for call in sorted(expr.atoms(Applied, AppliedVector), key=str):
            found.setdefault(call.network.name, []).append(call)
    return dict(sorted(found.items()))


def _sizes(arguments: Sequence[Any], instance: Instance) -> tuple[int, ...]:
    return tuple(1 if is_scalar(a) else instance.size(a.shape[0]) for a in arguments)


def _network(name: str, calls: list[Any], instance: Instance, given: Any) -> Any:
    if given is not None:
        return Function(given)
    last = [call.arguments[-1] for call in calls]
    packed = len(calls[0].arguments) > 1 and any(
        isinstance(a, sp.MatrixSymbol) and not isinstance(a, RandomVector) for a in last
    )
    net = calls[0].network
    out = None if net.out is None else instance.size(net.out)
    return Multilayer(_sizes(calls[0].arguments, instance), out, net.range, packed)


def _law(law: Any, instance: Instance, given: Any, outcomes: int) -> Any:
    size = None if law.dim is None else instance.size(law.dim)
    parameters = _sizes(law.parameters, instance)
    if given is None:
        return Counting(Multilayer((size or 1, *parameters), None, "real", False), size, outcomes)
    if isinstance(given, str):
        if given != "gaussian":
            raise GameError(
                f"the law of {law.name} is 'gaussian', outcomes, or a pair (outcomes, probabilities); got {given!r}"
            )
        return Gaussian(Multilayer(parameters, size, "real", False), size)
    pair = isinstance(given, tuple) and len(given) == 2
    points = np.asarray(given[0] if pair else given, dtype=float)
    shares = np.asarray(given[1], dtype=float) if pair else np.full(len(points), 1 / len(points))
    return Given(points if size is None else points.reshape(len(shares), size), shares)


def _drawn(plan: Realisation, source: np.random.Generator) -> dict[str, Any]:
    def spread(shape: tuple[int, ...]) -> Any:
        return (SPREAD * source.standard_normal(shape)).astype(plan.dtype)

    def number(variable: Any) -> Any:
        if isinstance(variable, sp.MatrixSymbol | RandomVector):
            rows, columns = plan.size(variable.shape[0]), plan.size(variable.shape[1])
            if isinstance(variable, Selection):
                return np.eye(columns, dtype=plan.dtype)[source.integers(columns, size=rows)]
            return spread((rows,) if columns == 1 else (rows, columns))
        if not isinstance(variable, RandomScalar) and variable.is_integer:
            return np.asarray(source.integers(1, 4), dtype=plan.dtype)
        if not isinstance(variable, RandomScalar) and variable.is_positive:
            return np.asarray(source.uniform(0.15, 0.9), dtype=plan.dtype)
        return spread(())

    values = {v.name: number(v) for v in plan.variables}
    for name, value in plan.fixed.items():
        if name not in values:
            raise GameError(f"a value is given for {name}; the free variables are {', '.join(values) or 'none'}")
        values[name] = np.asarray(value, dtype=plan.dtype)
    sizes = {"networks": plan.networks, "laws": plan.laws}
    drawn = {
        kind: {name: {key: spread(shape) for key, shape in dict(form.sizes).items()} for name, form in forms.items()}
        for kind, forms in sizes.items()
    }
    return {"values": values, **drawn}
