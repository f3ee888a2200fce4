"""A second road: read our MathML back as a number, by the rules a reader of mathematics follows."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

SKIP = {"\u2061"}
FUNCTIONS = {"sin": math.sin, "cos": math.cos, "log": math.log, "exp": math.exp, "σ": lambda x: 1 / (1 + math.exp(-x))}


def value(markup: str, point: Mapping[str, float]) -> float:
    """The number a formula stands for at a point."""
    return _node(ET.fromstring(markup), point)


def _tag(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]


def _node(node: ET.Element, point: Mapping[str, float]) -> float:
    tag = _tag(node)
    if tag in ("math", "mrow", "mtd"):
        return _row([child for child in node if _tag(child) != "mspace"], point)
    if tag == "mfrac":
        return _node(node[0], point) / _node(node[1], point)
    if tag == "msqrt":
        return math.sqrt(_row(list(node), point))
    if tag == "mroot":
        return _node(node[0], point) ** (1 / _node(node[1], point))
    if tag == "msup":
        return _node(node[0], point) ** _node(node[1], point)
    if tag == "mn":
        return float(node.text or "")
    return {**point, "e": math.e, "π": math.pi}[node.text or ""]


def _row(children: list[ET.Element], point: Mapping[str, float]) -> float:
    """A row: sums of products of factors, brackets, functions applied to what follows."""
    children = [child for child in children if not (_tag(child) == "mo" and child.text in SKIP)]
    if children and children[0].text in ("(", "|"):
        inner = _row(children[1:-1], point)
        return abs(inner) if children[0].text == "|" else inner
    total, sign, product, place = 0.0, 1.0, None, 0
    while place < len(children):
        child = children[place]
        if _tag(child) == "mo" and child.text in "+−":
            total, product = total + sign * (0.0 if product is None else product), None
            sign = 1.0 if child.text == "+" else -1.0
        elif _tag(child) == "mo" and child.text in "·\u2062":
            pass
        elif _tag(child) == "mo" and child.text == "/":
            place += 1
            product = (product or 0.0) / _node(children[place], point)
        else:
            factor, place = _factor(children, place, point)
            product = factor if product is None else product * factor
        place += 1
    return total + sign * (0.0 if product is None else product)


def _factor(children: list[ET.Element], place: int, point: Mapping[str, float]) -> tuple[float, int]:
    """One factor: a function with the argument after it, or a single node."""
    child = children[place]
    power = 1.0
    if _tag(child) == "msup" and child[0].text in FUNCTIONS:
        power, child = _node(child[1], point), child[0]
    if child.text in FUNCTIONS:
        return FUNCTIONS[child.text or ""](_node(children[place + 1], point)) ** power, place + 1
    return _node(child, point), place
