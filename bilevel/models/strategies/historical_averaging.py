"""Historical averaging: every player is drawn to the average of its own past.

Main definitions: `historical_averaging`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, with_costs, with_followers


@strategy(
    row="Historical averaging",
    printed=("yes", "no"),
    variants=({}, {"window": 1}),
    numbers={"weight": "1/2", "rate": "1/10"},
    remarks={
        "gan": "it damps the oscillation of models with different objectives",
        "ac": "averages of parameters are analysed in theory and are no routine in use",
    },
)
def historical_averaging(weight: Any = None, rate: Any = None, window: Any = None) -> Any:
    """Every player also pays for its distance from the average of its past points.

    Math: c_i + weight/2 |theta_i - average_i|^2 with an exponential average, average <- average + rate (theta -
        average), or the mean of the last `window` points (a flow has no steps and is left as it is). The average over
        all times, 1/t, is the limit rate -> 0.

    Raises: GameError for a window that is no whole number.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.3; Pfau and Vinyals (2016), section 3.3.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> from bilevel.models.strategies import historical_averaging
        >>> [str(v) for v in historical_averaging("1/2", "1/10")(gan_in_samples())[0].variables]
        ['theta', 'psi', 'theta_average', 'psi_average']
    """
    if window is not None and (window != int(window) or window < 1):
        raise GameError(f"a window is a whole number of past points; got {window}")

    def build(game: Any, rule: Any) -> Any:
        if window is not None and rule.time == "continuous":
            return game, rule
        length = 1 if window is None else int(window)
        past = [copies(game, game.variables, "average" if window is None else f"back{k + 1}") for k in range(length)]
        mean = {v: sum(old[v] for old in past) / length for v in game.variables}
        costs = {
            name: weight / 2 * sum(((v - mean[v]) ** 2 for v in player.moves), sp.S.Zero)
            for name, player in game.players.items()
        }
        aims = {old[v]: (v if k == 0 else past[k - 1][v]) for k, old in enumerate(past) for v in game.variables}
        paid = with_costs(game, costs)
        if window is None:
            return with_followers(paid, rule, "average", aims, rate)
        return with_followers(paid, rule, "past", aims, sp.S.One, first=True)

    model = (
        "exponential average with its rate"
        if window is None
        else f"mean of the last {'point' if window == 1 else f'{window} points'}, exact; a flow has no steps"
    )
    return build, model
