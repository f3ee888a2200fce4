"""`bilevel run`: the main job, written as a report.

Main definitions: `run`.
"""

from __future__ import annotations

from typing import Any


def run(options: Any) -> int:
    """Write the report."""
    from bilevel.app import report

    return int(report.main(options.out, quiet=options.quiet, json=options.json))
