"""Mutants of a certificate: every number, sign, operator, word, exponent and entry changed, one at a time."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

WORDS = (
    ("stable", "marginal", "unstable"),
    ("continuous", "discrete"),
    ("semisimple", "jordan"),
    ("asymptotically stable", "Lyapunov stable"),
    ("minimize", "maximize"),
    ("identical", "equal-fields", "constant", "constant-per-player", "function"),
    ("positive", "real", "negative", "nonnegative", "nonzero"),
    ("<", ">"),
)
OPERATORS = {
    "+": ("*", "-"),
    "*": ("+", "/"),
    "-": ("+", "/"),
    "/": ("*", "-"),
    "exp": ("log", "sin"),
    "log": ("exp", "sqrt"),
    "sqrt": ("exp", "cos"),
    "sin": ("cos",),
    "cos": ("sin",),
    "sigmoid": ("softplus", "tanh"),
    "softplus": ("sigmoid",),
}
NUMBER = re.compile(r"-?\d+(/\d+)?")


def mutants(certificate: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where and what, mutant)."""
    names = tuple(certificate.get("symbols", ()))
    for path, node in _places(certificate, ()):
        if path == ("kind",) or (path and path[0] in ("statement", "name")):
            continue
        for label, replacement in _changes(node, names):
            mutant = copy.deepcopy(certificate)
            _put(mutant, path, replacement)
            if mutant != certificate:
                yield f"{'/'.join(map(str, path))}: {label}", mutant
        if isinstance(node, dict):
            for key in node:
                for other in (o for family in WORDS if key in family for o in family if o != key):
                    mutant = copy.deepcopy(certificate)
                    _put(mutant, path, {(other if k == key else k): v for k, v in node.items()})
                    yield f"{'/'.join(map(str, path))}: {key} becomes {other}", mutant


def _places(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _changes(node: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(node, bool):
        yield "flipped", not node
    elif isinstance(node, int):
        yield from (("plus one", node + 1), ("negated", -node))
    elif isinstance(node, str):
        if NUMBER.fullmatch(node):
            yield from (
                ("sign", node[1:] if node[0] == "-" else f"-{node}"),
                ("scaled", f"{node.partition('/')[0]}/97"),
                ("to one", "1"),
            )
            yield from (("to zero", "0"), ("not exact", "0.5"))
        for other in (o for family in WORDS if node in family for o in family if o != node):
            yield f"becomes {other}", other
        for other in (*OPERATORS.get(node, ()), *((n for n in names if n != node) if node in names else ())):
            yield f"becomes {other}", other
    elif isinstance(node, list):
        if len(node) > 1:
            yield from (("last dropped", node[:-1]), ("swapped", [*node[:-2], node[-1], node[-2]]))
        yield from (("negated", ["-", node]), ("repeated", [*node, node[-1]] if node else ["1"]))


def _put(certificate: Any, path: tuple[Any, ...], replacement: Any) -> None:
    if not path:
        return
    for key in path[:-1]:
        certificate = certificate[key]
    certificate[path[-1]] = replacement
