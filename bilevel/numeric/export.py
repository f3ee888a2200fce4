"""A derived update or condition for use without this package: as a JAX function, and as StableHLO.

Main definitions: `jax_function`, `stablehlo`. LaTeX and Python source are methods of updates and verdicts:
`update.latex()`, `update.python()`, `verdict.latex()`, `verdict.python()`; `bilevel.language.source.python_function`
writes any other expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax.flatten_util import ravel_pytree

from bilevel.analysis.verdict import Verdict
from bilevel.language.errors import GameError
from bilevel.numeric.lowering import Scalars, check_heads
from bilevel.numeric.precision import checked_dtype, working
from bilevel.numeric.solvers import implicit_point
from bilevel.rules.protocol.update import Update


def _names(update: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """What an update reads, in order (variables, then memory), its parameters by name, and its results."""
    if not update.game.is_coordinate:
        raise GameError("an update is exported with scalar variables; instantiate the model-level game first")
    inputs = [*update.game.variables, *update.remembered.values()]
    results = [*update.after.values(), *(value for part in update.memory_after.values() for value in part.values())]
    inner = {line.target for line in update.assignments}
    used = {s for e in [*results, *(line.value for line in update.assignments)] for s in e.free_symbols}
    parameters = sorted(used - inner - set(inputs), key=str)
    for expr in [*results, *(line.value for line in update.assignments)]:
        check_heads(expr, frozenset(used))
    return inputs, parameters, results


def jax_function(update: Any) -> Callable[..., Any]:
    """A derived update, a verdict's condition or any expression as a plain JAX function; parameters by name.

    Math: the update's assignments in order, shared subexpressions once; implicit points by Newton's method from the
        current point. For a verdict: whether its condition holds.

    Shapes: an update takes its variables and memory, numbers or arrays of shape (), and the parameters by name, and
        returns the next variables, then the next memory, in the order of `update.python()` (for a flow, the rates).
        A condition takes its symbols by name, arrays that broadcast, and returns booleans.

    Raises: GameError for model-level updates, functions without a numeric form, or missing parameters; for a verdict
        without a condition.

    Reference: Bradbury et al. (2018), JAX.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import derive, extragradient
        >>> x, h = sp.symbols("x h", real=True)
        >>> step = jax_function(derive(Game(a=minimize(x**2, x)), extragradient(h)))
        >>> float(step(1.0, h=0.25)[0])
        0.75
    """
    if not isinstance(update, Update):
        return _formula_function(_formula(update))
    inputs, parameters, results = _names(update)

    def step(*point: Any, **given: Any) -> tuple[Any, ...]:
        missing = sorted({str(s) for s in parameters} ^ set(given))
        if len(point) != len(inputs) or missing:
            told = f"; parameters {', '.join(map(str, parameters))}" if parameters else ""
            raise GameError(
                f"the update takes {', '.join(map(str, inputs))}{told}; check {', '.join(missing) or 'their number'}"
            )
        here = [jnp.asarray(value) for value in point]
        kind = (
            jnp.result_type(float, *here)
            if not any(jnp.issubdtype(a.dtype, jnp.floating) for a in here)
            else jnp.result_type(*here)
        )
        values = {s: jnp.asarray(v, dtype=kind) for s, v in zip(inputs, here, strict=True)}
        values |= {s: jnp.asarray(given[str(s)], dtype=kind) for s in parameters}
        value = Scalars(_worked_through(update, values))
        return tuple(jnp.asarray(value(expr), dtype=kind) for expr in results)

    return step


def _worked_through(update: Any, values: dict[Any, Any]) -> dict[Any, Any]:
    lines = list(update.assignments)
    while lines:
        group = (
            [line for line in lines if line.implicit and line.index == lines[0].index]
            if lines[0].implicit
            else lines[:1]
        )
        lines = [line for line in lines if not any(line is taken for taken in group)]
        value = Scalars(values)
        if not group[0].implicit:
            values = {**values, group[0].target: value(group[0].value)}
            continue
        targets = [line.target for line in group]
        flat, back = ravel_pytree([values[line.variable] for line in group])

        def residual(w: Any, values: Any = values, group: Any = group, targets: Any = targets, back: Any = back) -> Any:
            inner = Scalars({**values, **dict(zip(targets, back(w), strict=True))})
            return w - ravel_pytree([jnp.asarray(inner(line.value)) for line in group])[0]

        values = {**values, **dict(zip(targets, back(implicit_point(residual, flat)), strict=True))}
    return values


def _formula(exported: Any) -> Any:
    """The expression that a verdict, a condition or an expression stands for."""
    if isinstance(exported, Verdict):
        if exported.condition is None:
            raise GameError(f"there is no condition to export: {exported.reason}")
        return exported.condition
    if not isinstance(exported, sp.Basic):
        raise GameError(
            f"an update, a verdict, a condition or an expression is exported; got {type(exported).__name__}"
        )
    return exported


def _inputs(formula: Any) -> list[Any]:
    inputs = sorted(formula.free_symbols, key=str)
    check_heads(formula, frozenset(inputs))
    return inputs


def _formula_function(formula: Any) -> Callable[..., Any]:
    inputs = _inputs(formula)

    def value(**given: Any) -> Any:
        if wrong := sorted({str(s) for s in inputs} ^ set(given)):
            raise GameError(f"the formula takes {', '.join(map(str, inputs)) or 'nothing'}; check {', '.join(wrong)}")
        return jnp.asarray(Scalars({s: jnp.asarray(given[str(s)]) for s in inputs})(formula))

    return value


def stablehlo(update: Any, *, dtype: Any = "float64", serialized: bool = False) -> Any:
    """An update, a verdict or an expression as StableHLO, through `jax.export`: text, or bytes to be read back.

    Math: the function of `jax_function` with arguments in the order variables, memory, parameters (by name),
        compiled for CPU and CUDA. `jax.export.deserialize` reads the bytes.

    Shapes: every argument and result has shape () and the given dtype.

    Raises: GameError as `jax_function`; also if bytes are asked for and the package `flatbuffers` is not installed.

    Reference: the StableHLO specification, openxla.org/stablehlo; the JAX documentation on exporting.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import derive, simultaneous
        >>> x, h = sp.symbols("x h", real=True)
        >>> "stablehlo.multiply" in stablehlo(derive(Game(a=minimize(x**2, x)), simultaneous(h)))
        True
    """
    from jax import export

    inputs, parameters = _names(update)[:2] if isinstance(update, Update) else ([], _inputs(_formula(update)))
    step = jax_function(update)

    def update_step(*arguments: Any) -> Any:
        head, tail = arguments[: len(inputs)], arguments[len(inputs) :]
        return step(*head, **{str(s): value for s, value in zip(parameters, tail, strict=True)})

    with working(dtype):
        shape = jax.ShapeDtypeStruct((), checked_dtype(dtype))
        exported = export.export(jax.jit(update_step), platforms=("cpu", "cuda"))(
            *[shape] * (len(inputs) + len(parameters))
        )
        if not serialized:
            return exported.mlir_module()
        try:
            return bytes(exported.serialize())
        except ImportError:
            raise GameError(
                "bytes need the package flatbuffers (pip install flatbuffers); the text form does not"
            ) from None
