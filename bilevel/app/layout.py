"""JSON laid out so that a person can read it: short parts stay on one line.

Main definitions: `dumps`.
"""

from __future__ import annotations

import json
from typing import Any

WIDTH = 110


def dumps(data: Any, indent: int = 0) -> str:
    """JSON text of plain data; what is short stands on one line, what is long one item a line."""
    flat = json.dumps(data, ensure_ascii=False, allow_nan=False)
    if len(flat) + indent <= WIDTH or not isinstance(data, dict | list):
        return flat
    inner = " " * (indent + 1)
    if isinstance(data, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {dumps(part, indent + 1)}" for key, part in data.items()]
    else:
        items = [dumps(part, indent + 1) for part in data]
    opening, closing = "{}" if isinstance(data, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{' ' * indent}{closing}"
