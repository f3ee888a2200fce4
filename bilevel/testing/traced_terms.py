"""The summands and factors of a loss's traced program, and how a person writes them.

Main definitions: `summands`, `factors`, `written`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core

MOST_TERMS = 24
LENGTH = 60  # characters up to which a term is written out

# What a sum may pass through on its way to the loss: linear in one operand, the others being numbers.
LINEAR = ("neg", "reduce_sum", "reshape", "squeeze", "convert_element_type", "copy", "broadcast_in_dim", "transpose")
SUMS = ("add", "sub", "add_any")
SIGNS = {"add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "dot_general": "@", "pow": "**"}
SILENT = ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze", "copy", "stop_gradient", "transpose")

__all__: list[str] = []


def summands(lines: list[Any], outputs: list[Any]) -> Iterator[tuple[int, int, bool]]:
    """Places (line, operand, whether inside) at which a summand enters the loss: those of the loss itself first, the
    last one written first, then those inside its squares, products and functions."""
    makers = {out: k for k, line in enumerate(lines) for out in line.outvars}
    waiting, seen, found = list(outputs), set(), 0
    inner: list[Any] = []
    while (waiting or inner) and found < MOST_TERMS:
        inside = not waiting
        atom = inner.pop(0) if inside else waiting.pop(0)
        if isinstance(atom, core.Literal) or atom not in makers or atom in seen:
            continue
        seen.add(atom)
        k = makers[atom]
        line = lines[k]
        moving = [i for i, part in enumerate(line.invars) if not isinstance(part, core.Literal)]
        if line.primitive.name in SUMS and jnp.issubdtype(atom.aval.dtype, jnp.inexact):
            for i in reversed(moving):
                found += 1
                yield k, i, inside
        (waiting if not inside and _passes(line, moving) else inner).extend(line.invars[i] for i in moving)


def _passes(line: Any, moving: list[int]) -> bool:
    """Whether a summand of the line's operand is one of its result."""
    name = line.primitive.name
    scaled = (name in ("mul", "div") and moving == [0]) or (name == "mul" and moving == [1])
    return name in SUMS or name in LINEAR or scaled


def factors(lines: list[Any]) -> Iterator[tuple[int, int, Any, Callable[[Any], Any], str]]:
    """(line, operand to change, the factor, the change that leaves it out, what it is) of products and quotients."""
    found = 0
    for k, line in reversed(list(enumerate(lines))):
        if line.primitive.name not in ("mul", "div") or found >= MOST_TERMS:
            continue
        if not jnp.issubdtype(line.outvars[0].aval.dtype, jnp.inexact):
            continue
        divides = line.primitive.name == "div"
        for i in (1,) if divides else (1, 0):
            word, factor = "the division by" if divides else "the factor", line.invars[i]
            other = 1 - i
            if not isinstance(factor, core.Literal):
                found += 1
                yield k, i, factor, jnp.ones_like, word
            elif not isinstance(line.invars[other], core.Literal) and np.size(factor.val) == 1:
                value = float(factor.val)
                if value not in (0.0, 1.0, -1.0, 2.0, 0.5):  # those are told as halved, doubled, turned
                    found += 1
                    yield k, other, factor, partial(jnp.multiply, value if divides else 1 / value), word


def written(lines: list[Any], atom: Any, names: Mapping[Any, str]) -> str | None:
    """A value as a formula in the names of the parameters; None where it grows long."""
    makers = {out: line for line in lines for out in line.outvars}

    def text(part: Any) -> str:
        if isinstance(part, core.Literal):
            return f"{float(part.val):.6g}"
        if part not in makers:
            return names.get(part) or ("data" if part.aval.shape else "c")
        line = makers[part]
        name, inner = line.primitive.name, [text(p) for p in line.invars[:2]]
        if sum(map(len, inner)) > LENGTH:
            raise OverflowError
        if name in SILENT:
            return inner[0]
        if name == "mul" and "1" in inner:
            return inner[1 - inner.index("1")]
        if name in SIGNS:
            whole = f"{inner[0]}{SIGNS[name]}{inner[1]}" if name in ("mul", "div", "pow") else (
                f"({inner[0]} {SIGNS[name]} {inner[1]})")  # fmt: skip
            return whole
        if name == "integer_pow":
            return f"{inner[0]}**{line.params['y']}"
        if name == "neg":
            return f"-{inner[0]}"
        short = {"reduce_sum": "sum", "reduce_max": "max", "jit": line.params.get("name", "f")}.get(name, name)
        return f"{short.lstrip('_')}({', '.join(inner)})"

    try:
        found = text(atom)
    except OverflowError:
        return None
    return found if len(found) <= LENGTH else None
