"""The summands of a loss's traced program, and how a person writes them.

Main definitions: `summands`, `written`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jax.extend import core

MOST_TERMS = 24
LENGTH = 60  # characters up to which a term is written out

# What a sum may pass through on its way to the loss: linear in one operand, the others being numbers.
LINEAR = ("neg", "reduce_sum", "reshape", "squeeze", "convert_element_type", "copy", "broadcast_in_dim", "transpose")
SUMS = ("add", "sub", "add_any")
SIGNS = {"add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "dot_general": "@", "pow": "**"}
SILENT = ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze", "copy", "stop_gradient", "transpose")

__all__: list[str] = []


def summands(lines: list[Any], outputs: list[Any]) -> Iterator[tuple[int, int]]:
    """Places (line, operand) at which a summand enters the loss, the last one written first."""
    makers = {out: k for k, line in enumerate(lines) for out in line.outvars}
    waiting, found = list(outputs), 0
    while waiting and found < MOST_TERMS:
        atom = waiting.pop(0)
        if isinstance(atom, core.Literal) or atom not in makers:
            continue
        k = makers[atom]
        line = lines[k]
        moving = [i for i, part in enumerate(line.invars) if not isinstance(part, core.Literal)]
        scaled = (line.primitive.name in ("mul", "div") and moving == [0]) or (
            line.primitive.name == "mul" and moving == [1]
        )
        if line.primitive.name in SUMS:
            for i in reversed(moving):
                found += 1
                yield k, i
        elif line.primitive.name not in LINEAR and not scaled:
            continue
        waiting += [line.invars[i] for i in moving]


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
