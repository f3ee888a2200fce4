"""Floating-point precision without global settings, and how large a rounding error may be.

Main definitions: `working`, `as_numpy`, `checked_dtype`, `tolerance`, `prepared`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.extend.core import jaxpr_as_fun

from bilevel.language.errors import GameError


def checked_dtype(dtype: Any) -> np.dtype:
    """float32 or float64."""
    found = np.dtype(dtype)
    if found not in (np.dtype("float32"), np.dtype("float64")):
        raise GameError(f"numbers are float32 or float64 here; got {found}")
    return found


@contextlib.contextmanager
def working(dtype: Any) -> Iterator[None]:
    """Inside, JAX computes in the given precision. The setting is the thread's own and ends with the block."""
    with jax.enable_x64(checked_dtype(dtype) == np.dtype("float64")):
        yield


def as_numpy(tree: Any) -> Any:
    """Every leaf as a NumPy array: a float64 JAX array used outside `working` would silently drop to float32."""
    return jax.tree.map(np.asarray, tree)


def _equations(jaxpr: Any) -> int:
    count = 0
    for equation in jaxpr.eqns:
        inner = [
            part for value in equation.params.values() for part in (value if isinstance(value, tuple) else (value,))
        ]
        nested = sum(
            _equations(getattr(part, "jaxpr", part)) for part in inner if hasattr(getattr(part, "jaxpr", part), "eqns")
        )
        width = max((int(np.prod(v.aval.shape)) for v in equation.invars if hasattr(v.aval, "shape")), default=1)
        count += nested or (1 if equation.primitive.name not in ("reduce_sum", "dot_general") else max(width, 1))
    return count


QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


FEW_KINDS = 64


def prepared(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[..., Any], int]:
    """A function ready for a few runs only, and an upper estimate of its rounding operations one after another.

    The estimate counts the traced program's primitives, sums by their length; no chain of operations is longer.
    A program of few kinds of operations runs them one by one: JAX keeps each kind once it is compiled, so the next
    program with the same shapes starts at once. Others are compiled whole.
    """
    traced = jax.jit(function).trace(*arguments)
    kinds = {(e.primitive.name, *(str(v.aval) for v in e.invars)) for e in traced.jaxpr.jaxpr.eqns}
    if len(kinds) <= FEW_KINDS and jax.default_backend() == "cpu":
        run, tree = jaxpr_as_fun(traced.jaxpr), jax.tree.structure(traced.out_info)
        one_by_one = lambda *given: jax.tree.unflatten(tree, run(*jax.tree.leaves(given)))
        return one_by_one, max(1, _equations(traced.jaxpr.jaxpr))
    # On a CPU, most of the time goes into optimising a program that will hardly run.
    options = QUICK if jax.default_backend() == "cpu" else None
    return traced.lower().compile(compiler_options=options), max(1, _equations(traced.jaxpr.jaxpr))


def tolerance(dtype: Any, operations: int, magnitude: float) -> float:
    """The rounding error that k operations may make in a value of the given magnitude, on each of two sides.

    A chain of k operations has relative error at most gamma_k = k u / (1 - k u), u half the machine epsilon (Higham
    2002, lemma 3.1). Two sides double it. The magnitude is that of the larger side plus one: the terms are sums of
    numbers of order one.
    """
    unit = float(np.finfo(checked_dtype(dtype)).eps) / 2
    share = operations * unit
    return 2 * share / (1 - share) * (1 + magnitude) if share < 0.5 else float("inf")
