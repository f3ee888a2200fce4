"""Published results for every number of states, actions or features, by the theorems of the folder.

Main definitions: `every_size`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bilevel.app.theorems import named, theorems
from tests.published.claims import Check


def every_size(number: int) -> Iterator[Check]:
    """Every claim of a theorem, as parts of a published result."""
    for claim in named(str(number), theorems()).prove().claims:
        yield Check(f"theorem {number}: {claim.text}", claim.holds)
