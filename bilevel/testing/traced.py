"""Losses written in JAX, changed where slips are made: a stop-gradient less or more, a term left out, turned or scaled.

Main definitions: `variants`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from bilevel.testing.mutant import FACTORS
from bilevel.testing.traced_terms import factors, summands, written

MOST_STOPS = 60
Changes = Mapping[tuple[int, int], Callable[[Any], Any]]  # what becomes of an operand, by line and place

__all__: list[str] = []


def variants(
    loss: Callable[..., Any], *example: Any, names: Sequence[str] = ()
) -> Iterator[tuple[str, Callable[..., Any]]]:
    """(what is changed, the changed loss) for every stop-gradient left out, all of them, every one put in; for every
    summand, also inside squares and functions, left out, with the other sign, halved or doubled; and for every factor
    left out. `names` are those of the example's arrays.

    The loss is traced once at the example's shapes; a changed loss is for arguments of these shapes.
    """
    closed, shape = jax.make_jaxpr(loss, return_shape=True)(*example)
    program, there = _flat(closed), jax.tree.structure(shape)

    def with_changes(changes: Changes, freed: frozenset[int]) -> Callable[..., Any]:
        return lambda *arguments: jax.tree.unflatten(there, _run(program, changes, freed, jax.tree.leaves(arguments)))

    def changed(stopped: frozenset[tuple[int, int]], freed: frozenset[int]) -> Callable[..., Any]:
        return with_changes(dict.fromkeys(stopped, jax.lax.stop_gradient), freed)

    lines = program[0]
    stops = [k for k, line in enumerate(lines) if line.primitive.name == "stop_gradient"]
    for k in stops:
        words = "missing stop-gradient: the loss of {} is differentiated through " + _origin(lines, k, 0)
        yield words, changed(frozenset(), frozenset([k]))
    if len(stops) > 1:
        yield "missing stop-gradients, all of them, in the loss of {}", changed(frozenset(), frozenset(stops))
    known = dict(zip(program[1], names, strict=False))
    told = lambda atom, k, i: _braced(written(lines, atom, known) or _origin(lines, k, i))
    for k, i, inside in summands(lines, program[3]):
        term = told(lines[k].invars[i], k, i)
        of = f" of {_braced(written(lines, lines[k].outvars[0], known) or _named(lines[k]))}" if inside else ""
        for factor, words in FACTORS.items():
            scaled = {(k, i): partial(jnp.multiply, float(factor))}
            yield f"in the loss of {{}} the term {term}{of} {words}", with_changes(scaled, frozenset())
    for k, i, factor, change, word in factors(lines):
        whole = _braced(written(lines, lines[k].outvars[0], known) or _named(lines[k]))
        words = f"in the loss of {{}} {word} {told(factor, k, i)} is missing from {whole}"
        yield words, with_changes({(k, i): change}, frozenset())
    uses = [(k, i) for k, line in enumerate(lines) if k not in stops for i in range(len(line.invars))]
    for k, i in [use for use in uses if _made(lines, *use) is not None][:MOST_STOPS]:
        place = f"{_origin(lines, k, i)}, where {_named(lines[k])} uses it"
        words = f"a stop-gradient too many in the loss of {{}}: on {place}"
        yield words, changed(frozenset([(k, i)]), frozenset())


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _made(lines: list[Any], k: int, i: int) -> Any:
    """The line that computes an operand, None for inputs, constants and whole numbers."""
    atom = lines[k].invars[i]
    if isinstance(atom, core.Literal) or not jnp.issubdtype(atom.aval.dtype, jnp.inexact):
        return None
    return next((line for line in lines[:k] if atom in line.outvars and line.invars), None)


def _flat(closed: Any) -> tuple[list[Any], Any, dict[Any, Any], list[Any]]:
    """Equations, inputs, constants and outputs; jitted functions inside stay as they are, but for the loss itself."""
    inner = closed.jaxpr
    if len(inner.eqns) == 1 and inner.eqns[0].primitive.name in ("jit", "pjit") and not inner.constvars:
        (line,) = inner.eqns
        if list(line.invars) == list(inner.invars) and list(line.outvars) == list(inner.outvars):
            return _flat(line.params["jaxpr"])
    return list(inner.eqns), inner.invars, dict(zip(inner.constvars, closed.consts, strict=True)), inner.outvars


def _run(program: Any, changes: Changes, freed: frozenset[int], arguments: list[Any]) -> list[Any]:
    lines, inputs, constants, outputs = program
    known = {**constants, **dict(zip(inputs, arguments, strict=True))}
    for k, line in enumerate(lines):
        places = [i for i, atom in enumerate(line.invars) if not isinstance(atom, core.Literal)]
        given = [known[line.invars[i]] for i in places]
        given = [changes[k, i](part) if (k, i) in changes else part for i, part in zip(places, given)]
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
