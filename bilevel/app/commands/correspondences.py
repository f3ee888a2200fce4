"""`bilevel correspondences`: pairs of formulations that theorems of the folder relate, with proofs and certificates.

Main definitions: `run`.

The folder is the list: a theorem's file that declares CORRESPONDS stands here. Every proof is made anew.
"""

from __future__ import annotations

from typing import Any

from bilevel.app import budget
from bilevel.app.commands.prove import answer, told
from bilevel.app.layout import dumps
from bilevel.app.theorems import named, theorems


def run(options: Any) -> int:
    """Print the correspondences, or the one named with its proof."""
    listed = [theorem for theorem in theorems() if theorem.relates]
    chosen = [named(options.name, listed)] if options.name is not None else listed
    answers = [answer(theorem) for theorem in chosen]
    budget.stop()
    if options.json:
        print(dumps({"correspondences": answers}))
    else:
        print("\n\n".join(told(found, whole=options.name is not None) for found in answers))
    return 0 if all(found["holds"] for found in answers) else 3
