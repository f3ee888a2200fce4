"""How many Jacobian-vector products a piece of work may take, and how many it has taken.

Main definitions: `Effort`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from bilevel.language.errors import UnknownAnswer

RUN = 600  # products a single run takes at most on each side
FEWEST = 48  # products below which a run is not begun


@dataclass(frozen=True)
class Effort:
    """A limit on products, and the tally that everything working under it shares."""

    limit: float = math.inf
    progress: Callable[[int], Any] | None = None
    tally: list[int] = field(default_factory=lambda: [0])

    def take(self, count: int) -> None:
        """Note products taken."""
        self.tally[0] += count
        if self.progress is not None:
            self.progress(self.spent)

    @property
    def spent(self) -> int:
        """The products taken so far."""
        return self.tally[0]

    @property
    def left(self) -> float:
        """The products that may still be taken."""
        return max(0, self.limit - self.spent)

    @property
    def short(self) -> bool:
        """Whether too few are left to begin anything."""
        return self.left < FEWEST

    def run(self, sides: int = 1) -> int:
        """What one more run may take on each side: no run is to starve those after it."""
        self.check()
        return int(min(RUN, max(FEWEST, self.limit / 6), self.left / sides))

    def part(self, share: float) -> Effort:
        """The same tally under a nearer limit: some of what is left."""
        return self if math.isinf(self.limit) else replace(self, limit=self.spent + share * self.left)

    def check(self) -> None:
        """Stop where too few products are left to begin anything."""
        if self.short:
            raise self.stop()

    def checked(self, product: Any) -> Any:
        """A product that stops when none are left."""

        def image(v: Any) -> Any:
            if self.left <= 0:
                raise self.stop()
            return product(v)

        return image

    def stop(self) -> UnknownAnswer:
        """What to say where the limit was reached."""
        return UnknownAnswer("the limit on products was reached before this", next_step="pass a larger products=...")
