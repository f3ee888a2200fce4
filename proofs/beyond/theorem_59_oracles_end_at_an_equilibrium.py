"""Oracles end at an equilibrium.

Whatever the population, the oracles' gains are never negative, and they are zero exactly where the population's
equilibrium is one of the whole game. So the double oracle ends, after at most as many rounds as there are strategies,
at an equilibrium of the whole game, of the same value. From rock alone it adds paper, then scissors, and ends at the
even mixture. In the smoothed game of meta-players and oracles every weight tau of the lengths makes the flow stable.

Source: McMahan, Gordon, Blum (2003), theorem 1; Lanctot et al. (2017), arXiv:1711.00832.
"""

import sympy as sp

from bilevel.analysis import Proof, equilibria, stability, states
from bilevel.certificate import check
from bilevel.models import policy_space_responses
from bilevel.models.populations import ROCK_PAPER_SCISSORS, double_oracle, matrix_equilibrium, oracle_certificate

GAMES = (
    ROCK_PAPER_SCISSORS,
    ((1, -1), (-1, 1)),
    ((3, 1, 4), (1, 5, 9), (2, 6, 5)),
    ((0, 2, -1, 1), (-2, 0, 3, -1), (1, -3, 0, 2), (-1, 1, -2, 0)),
    ((2, -1, 3), (0, 1, -2)),
)


def size(population):
    """The number of strategies in use on both sides."""
    return len(population.rows) + len(population.columns)


def shortened(trace):
    """The run with its last round left out, or, where it had only one, with a value that is wrong."""
    rounds = trace["rounds"]
    last = {**rounds[-1], "value": str(sp.Rational(rounds[-1]["value"]) + 1)}
    return {**trace, "rounds": rounds[:-1] or [last]}


def smoothed():
    """The claim about meta-players and oracles that pay for the length of their strategies."""
    game = policy_space_responses()
    found = equilibria(game)
    verdict = stability(game, at=found.points[0].point)
    return states(
        "The smoothed game has one equilibrium, and its flow is stable for every tau.",
        found.complete and len(found.points) == 1 and verdict.verdict == "stable",
        note=str(found.points[0]),
    )


def prove() -> Proof:
    """The theorem with its evidence."""
    runs = [double_oracle(payoff) for payoff in GAMES]
    traces = tuple(oracle_certificate(payoff, run) for payoff, run in zip(GAMES, runs, strict=True))
    values = [matrix_equilibrium(payoff)[2] for payoff in GAMES]
    rock = runs[0]
    gains = [(one.row_gain, one.column_gain) for run in runs for one in run]
    claims = (
        states(
            "In every round of every run both oracles gain at least 0.",
            all(min(pair) >= 0 for pair in gains),
            note=f"{len(gains)} rounds of {len(GAMES)} games; the mixtures so far are among each oracle's choices",
        ),
        states(
            "Every run ends with no gain, at the value of the whole game.",
            all(run[-1].exploitability == 0 and run[-1].value == v for run, v in zip(runs, values, strict=True)),
            note=", ".join(map(str, values)),
        ),
        states(
            "Each run, as data, passes a checker that shares no code with it; cut short, none does.",
            all(check(trace) for trace in traces) and not any(check(shortened(trace)) for trace in traces),
            note="every answer of an oracle is new and best, nobody gains in the end",
            certificates=traces,
        ),
        states(
            "Before its end some oracle gains, and the population grows.",
            all(one.exploitability > 0 for run in runs for one in run[:-1])
            and all(size(b) > size(a) for run in runs for a, b in zip(run, run[1:])),
            note="so there are at most as many rounds as strategies",
        ),
        states(
            "From rock it adds paper, then scissors, and ends at the even mixture.",
            [one.rows for one in rock] == [(0,), (0, 1), (0, 1, 2)] and set(rock[-1].row) == {sp.Rational(1, 3)},
            note=" -> ".join(str(one.rows) for one in rock),
        ),
        smoothed(),
    )
    return Proof(59, "Oracles end at an equilibrium", __doc__ or "", "McMahan, Gordon, Blum 2003", claims)
