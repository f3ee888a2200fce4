"""Label smoothing: labels (or rewards) of 0 and 1 are drawn together.

Main definitions: `label_smoothing`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bilevel.language.errors import GameError
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import samples_of, with_samples


@strategy(
    row="Label smoothing",
    printed=("yes", "no"),
    variants=({}, {"sides": "one"}),
    numbers={"epsilon": "1/10"},
    remarks={
        "gan": "a confident critic then still gives the generator a gradient",
        "ac": "nothing prevents it for rewards 0 and 1 where the critic's gradient vanishes",
    },
)
def label_smoothing(epsilon: Any = None, sides: str = "two") -> Any:
    """The critic learns labels eps and 1 - eps in place of 0 and 1; rewards of a decision process are such labels.

    Math: y -> (1 - 2 eps) y + eps ("two" sides) or y -> (1 - eps) y ("one", only the label 1 is lowered).

    Raises: GameError for another number of sides.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.4; Pfau and Vinyals (2016), section 3.2.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import label_smoothing
        >>> [stream.label for stream in label_smoothing("1/10")(gan_in_samples())[0].samples.data]
        [9/10, 1/10]
    """
    if sides not in ("one", "two"):
        raise GameError(f"sides is 'one' or 'two'; got {sides!r}")

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "label_smoothing")
        smooth = (lambda y: (1 - 2 * epsilon) * y + epsilon) if sides == "two" else (lambda y: (1 - epsilon) * y)
        data = tuple(replace(stream, label=smooth(stream.label)) for stream in samples.data)
        return with_samples(game, replace(samples, data=data)), rule

    return build
