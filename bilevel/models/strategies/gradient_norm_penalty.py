"""Gradient-norm penalties (JARE): each player also descends the length of the others' gradients.

Main definitions: `gradient_norm_penalty`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import modified
from bilevel.rules import jare


@strategy(row="Gradient-norm penalties (JARE)", numbers={"weight": "1/2"})
def gradient_norm_penalty(weight: Any = None) -> Any:
    """Any rule runs on the field in which each player pays for the squared gradients of the others.

    Math: c_i + weight/2 sum over j != i of |F_j|^2.

    Reference: Nie and Patel (2019), arXiv:1806.09235; Nagarajan and Kolter (2017), arXiv:1706.04156, section 4.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import gradient_norm_penalty
        >>> from bilevel.rules import linearise, simultaneous
        >>> game, rule = gradient_norm_penalty(1)(dirac_gan("wasserstein"), simultaneous("1/5"))
        >>> linearise(game, rule, {"theta": 0, "psi": 0}).matrix
        Matrix([
        [4/5, -1/5],
        [1/5,  4/5]])
    """
    return lambda game, rule: (game, modified(rule, jare(1, weight)))
