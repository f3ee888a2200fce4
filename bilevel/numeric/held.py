"""Functions with their stopped gradients differentiated through.

Main definitions: `without_held`.

A loss may hold a value constant, as a temporal-difference target does: `stop_gradient` shapes the *slope*. The slope's
own derivative is that of a function like any other, held values included; JAX would hold them again. So each
`stop_gradient` becomes a plain copy after a slope is formed and before it is differentiated. Solvers that bring their
own derivative (Lineax's, with what was factored held beside the matrix) keep theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jax.extend import core
from jax.extend.core import primitives

OPERATOR_AND_STATE = 2  # Lineax binds (operator, state, vector, ...): the state is a function of the operator


def without_held(function: Callable[..., Any], *inputs: Any) -> Any:
    """The value of a function of arrays, to be differentiated as if it held nothing constant.

    The function is traced once and its program run: so slopes of slopes of slopes are traced once at each level.
    """
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*inputs)
    stop = next(_stops(closed.jaxpr), None)
    program = closed if stop is None else _thawed(closed, stop)
    return jax.tree.unflatten(jax.tree.structure(shape), core.jaxpr_as_fun(program)(*jax.tree.leaves(inputs)))


def _inside(value: Any) -> list[Any]:
    if isinstance(value, core.Jaxpr):  # first: newer JAX has one class for both, and it is its own `jaxpr`
        return [value]
    if isinstance(value, core.ClosedJaxpr):
        return [value.jaxpr]
    return [jaxpr for part in value for jaxpr in _inside(part)] if isinstance(value, tuple | list) else []


def _stops(jaxpr: Any) -> Iterator[Any]:
    """Every `stop_gradient` of a program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "stop_gradient":
            yield equation
        for value in equation.params.values():
            for part in _inside(value):
                yield from _stops(part)


def _thawed(value: Any, stop: Any) -> Any:
    """A program in which every `stop_gradient` is a plain copy; `stop` is one of them."""
    if isinstance(value, core.Jaxpr):
        return value.replace(eqns=[line for equation in value.eqns for line in _thawed_lines(equation, stop)])
    if isinstance(value, core.ClosedJaxpr):
        return core.ClosedJaxpr(_thawed(value.jaxpr, stop), value.consts)
    if isinstance(value, tuple | list) and _inside(value):
        parts = [_thawed(part, stop) for part in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    return value


def _thawed_lines(equation: Any, stop: Any) -> list[Any]:
    if equation.primitive.name == "stop_gradient":
        return [equation.replace(primitive=primitives.copy_p, params={})]
    changed = equation.replace(params={key: _thawed(value, stop) for key, value in equation.params.items()})
    kept = {v: core.Var(v.aval) for v in _never_differentiated(equation) if isinstance(v, core.Var)}
    if not kept:
        return [changed]
    again = [stop.replace(invars=[v], outvars=[new]) for v, new in kept.items()]
    return [*again, changed.replace(invars=[kept.get(v, v) if isinstance(v, core.Var) else v for v in changed.invars])]


def _never_differentiated(equation: Any) -> list[Any]:
    """The inputs for which an operation declares no derivative, its result having one all the same."""
    name, params = equation.primitive.name, equation.params
    while "prim" in params:  # Equinox's batched form of an operation
        name, params = params["prim"].name, dict(params["params"])
    if name == "nondifferentiable":
        return list(equation.invars)
    return _states(equation.invars, params) if name == "linear_solve" and "treedef" in params else []


def _states(inputs: list[Any], params: Mapping[str, Any]) -> list[Any]:
    """A linear solve's factored matrix, among its inputs."""
    first, last = (sum(part.num_leaves for part in params["treedef"].children()[:k]) for k in (1, OPERATOR_AND_STATE))
    rest, found = iter(inputs), []
    for place, known in enumerate(params["static"]):
        if type(known) is object:  # Equinox's mark for an array, which stands among the inputs
            array = next(rest)
            if first <= place < last:
                found.append(array)
    return found
