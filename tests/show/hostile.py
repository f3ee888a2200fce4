"""Names and texts that try to become structure, and what a clean document must not hold."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</mi></math><script>",
    "a&b",
    "x' onload='alert(1)",
    "\\href{javascript:alert(1)}{x}",
    "]]>",
    "<!-- -->",
    "\x00\x1b[31m",
    "\u202egnp.exe",
    "$\\mathrm{x}$",
    'n0"; evil [label="x',
    "--> style fill",
]


def tags(markup: str) -> set[str]:
    """The tags of a document that parses as XML, without their namespaces."""
    return {re.sub(r"\{.*\}", "", node.tag) for node in ET.fromstring(markup).iter()}


def attributes(markup: str) -> set[str]:
    """The names of all attributes."""
    return {re.sub(r"\{.*\}", "", name) for node in ET.fromstring(markup).iter() for name in node.attrib}
