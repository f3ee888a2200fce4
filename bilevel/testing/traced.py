"""Losses written in JAX, changed where slips are made: their traced program with a stop-gradient less or more.

Main definitions: `variants`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

MOST_STOPS = 60

__all__: list[str] = []


def variants(loss: Callable[..., Any], *example: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """(what is changed, the changed loss) for every stop-gradient left out, all of them, and every one put in.

    The loss is traced once at the example's shapes; a changed loss is for arguments of these shapes.
    """
    closed, shape = jax.make_jaxpr(loss, return_shape=True)(*example)
    program, there = _flat(closed), jax.tree.structure(shape)

    def changed(stopped: frozenset[tuple[int, int]], freed: frozenset[int]) -> Callable[..., Any]:
        return lambda *arguments: jax.tree.unflatten(there, _run(program, stopped, freed, jax.tree.leaves(arguments)))

    lines = program[0]
    stops = [k for k, line in enumerate(lines) if line.primitive.name == "stop_gradient"]
    for k in stops:
        words = "missing stop-gradient: the loss of {} is differentiated through " + _origin(lines, k, 0)
        yield words, changed(frozenset(), frozenset([k]))
    if len(stops) > 1:
        yield "missing stop-gradients, all of them, in the loss of {}", changed(frozenset(), frozenset(stops))
    uses = [(k, i) for k, line in enumerate(lines) if k not in stops for i in range(len(line.invars))]
    for k, i in [use for use in uses if _made(lines, *use) is not None][:MOST_STOPS]:
        place = f"{_origin(lines, k, i)}, where {_named(lines[k])} uses it"
        words = f"a stop-gradient too many in the loss of {{}}: on {place}"
        yield words, changed(frozenset([(k, i)]), frozenset())


def _made(lines: list[Any], k: int, i: int) -> Any:
    """The line that computes an operand, None for inputs, constants and whole numbers."""
    atom = lines[k].invars[i]
    if isinstance(atom, core.Literal) or not jnp.issubdtype(atom.aval.dtype, jnp.inexact):
        return None
    return next((line for line in lines[:k] if atom in line.outvars and line.invars), None)


def _flat(closed: Any) -> tuple[list[Any], Any, dict[Any, Any], list[Any]]:
    """Equations, inputs, constants and outputs; inner jitted functions stay as they are."""
    inner = closed.jaxpr
    return list(inner.eqns), inner.invars, dict(zip(inner.constvars, closed.consts, strict=True)), inner.outvars


def _run(program: Any, stopped: Any, freed: frozenset[int], arguments: list[Any]) -> list[Any]:
    lines, inputs, constants, outputs = program
    known = {**constants, **dict(zip(inputs, arguments, strict=True))}
    for k, line in enumerate(lines):
        places = [i for i, atom in enumerate(line.invars) if not isinstance(atom, core.Literal)]
        given = [known[line.invars[i]] for i in places]
        given = [jax.lax.stop_gradient(part) if (k, i) in stopped else part for i, part in zip(places, given)]
        known.update(zip(line.outvars, given if k in freed else _line(line)(*given), strict=True))
    return [atom.val if isinstance(atom, core.Literal) else known[atom] for atom in outputs]


def _line(line: Any) -> Callable[..., Any]:
    """One line of a program as a function of its operands, each taken as a variable of its own."""
    seen, twins, taken = set(), [], []
    for atom in line.invars:
        if not isinstance(atom, core.Literal):
            taken.append(atom if atom not in seen else core.Var(atom.aval))
            seen.add(atom)
        twins.append(atom if isinstance(atom, core.Literal) else taken[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no names to tell a debugger: it warns
        alone = core.Jaxpr((), taken, line.outvars, [line.replace(invars=twins)])
    return core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))


def _origin(lines: list[Any], k: int, i: int) -> str:
    """Where an operand of a line comes from."""
    maker = _made(lines, k, i)
    return f"the result of {_named(maker)}" if maker is not None else "one of its arguments"


def _named(line: Any) -> str:
    """A line of the program as a person finds it again: what it computes, its shape, its place in the source."""
    shape = "x".join(map(str, line.outvars[0].aval.shape)) or "a scalar"
    frame = _place(line)
    return f"{line.primitive.name} ({shape}{frame})"


def _place(line: Any) -> str:
    try:
        from jax._src import source_info_util

        found = source_info_util.user_frame(line.source_info.traceback)
        return f", line {found.start_line} of {found.file_name.rsplit('/', 1)[-1]}" if found else ""
    except (ImportError, AttributeError, TypeError):  # a courtesy of JAX's inside; it may move
        return ""
