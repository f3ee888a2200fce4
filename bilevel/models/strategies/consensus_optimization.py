"""Consensus optimisation: everybody also descends the length of the joint gradient.

Main definitions: `consensus_optimization`.
"""

from __future__ import annotations

from typing import Any

from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import modified
from bilevel.rules import consensus


@strategy(row="Consensus optimization", numbers={"weight": "1/2"})
def consensus_optimization(weight: Any = None) -> Any:
    """Any rule runs on the field F + weight J^T F in place of F.

    Math: c_i + weight/2 |F|^2 for every player, F the joint gradient.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import consensus_optimization
        >>> from bilevel.rules import linearise, simultaneous
        >>> game, rule = consensus_optimization(1)(dirac_gan("wasserstein"), simultaneous("1/5"))
        >>> linearise(game, rule, {"theta": 0, "psi": 0}).matrix
        Matrix([
        [4/5, -1/5],
        [1/5,  4/5]])
    """
    return lambda game, rule: (game, modified(rule, consensus(1, weight)))
