"""Kind `double_oracle`: a run of the double oracle on a matrix game, from a start to an equilibrium of the whole game.

The row player is paid "payoff" by the column player. Each round names the strategies so far, mixtures of them and the
value of their game. Checked, in every round: the mixtures are an equilibrium of the game of the strategies so far; a
side whose best answer in the whole game gains adds one such answer, which is new, and the other side adds none. The
run ends at the first round in which nobody gains: then the mixtures are an equilibrium of the whole game.
Main definitions: `check`.
"""

from __future__ import annotations

from typing import Any

from flint import fmpq

from bilevel.certificate.errors import CertificateBudget, CertificateError, Result
from bilevel.certificate.trees import rational

KIND = "double_oracle"
FIELDS = {"payoff": True, "start": True, "rounds": True}
PARTS = {"rows", "columns", "row", "column", "value"}
MAX_ENTRIES = 10_000


def check(certificate: dict[str, Any]) -> Result:
    """Go through the run round by round."""
    payoff, rounds = _payoff(certificate["payoff"]), certificate["rounds"]
    if not isinstance(rounds, list) or not rounds:
        raise CertificateError('"rounds" is a list of rounds, one at least')
    start = certificate["start"]
    if not isinstance(start, list) or len(start) != 2:
        raise CertificateError('"start" is a row and a column')
    due = ([[start[0]]], [[start[1]]])  # what each side's strategies may be now
    for number, entry in enumerate(rounds, 1):
        rows, columns, x, y, value = _round(entry, payoff)
        if rows not in due[0] or columns not in due[1]:
            return Result(False, KIND, f"round {number} does not follow: its strategies are not those due")
        seen = [sum((r * q for r, q in zip(_at(line, columns), y, strict=True)), fmpq(0)) for line in payoff]
        met = [sum((payoff[i][j] * p for i, p in zip(rows, x, strict=True)), fmpq(0)) for j in range(len(payoff[0]))]
        if max(_at(seen, rows)) > value or min(_at(met, columns)) < value:
            return Result(False, KIND, f"round {number}: the mixtures are no equilibrium of the strategies so far")
        up, down = max(seen) > value, min(met) < value
        if not (up or down):
            why = "" if number == len(rounds) else f"nobody gains in round {number}, yet the run goes on"
            return Result(not why, KIND, why)
        best = [i for i, s in enumerate(seen) if s == max(seen) and i not in rows]
        worst = [j for j, s in enumerate(met) if s == min(met) and j not in columns]
        due = ([[*rows, i] for i in best] if up else [rows], [[*columns, j] for j in worst] if down else [columns])
    return Result(False, KIND, "in the last round somebody still gains")


def _payoff(table: Any) -> list[list[fmpq]]:
    if not isinstance(table, list) or not table or any(not isinstance(r, list) or not r for r in table):
        raise CertificateError('"payoff" is a list of rows of rational strings')
    if len({len(row) for row in table}) != 1:
        raise CertificateError('the rows of "payoff" have one length')
    if len(table) * len(table[0]) > MAX_ENTRIES:
        raise CertificateBudget(f"{len(table) * len(table[0])} payoffs are beyond the budget of {MAX_ENTRIES}")
    return [[rational(entry) for entry in row] for row in table]


def _round(entry: Any, payoff: list[list[fmpq]]) -> tuple[list[int], list[int], list[fmpq], list[fmpq], fmpq]:
    if not isinstance(entry, dict) or set(entry) != PARTS:
        raise CertificateError(f"a round has {', '.join(sorted(PARTS))}")
    found = []
    for name, mixture, size in (("rows", "row", len(payoff)), ("columns", "column", len(payoff[0]))):
        places, shares = entry[name], entry[mixture]
        if not isinstance(places, list) or not all(type(k) is int and 0 <= k < size for k in places):
            raise CertificateError(f'"{name}" lists whole numbers from 0 to {size - 1}')
        if not isinstance(shares, list) or len(shares) != len(places) or len(set(places)) != len(places):
            raise CertificateError(f'"{mixture}" gives each of the different "{name}" its share')
        weights = [rational(share) for share in shares]
        if not weights or min(weights) < 0 or sum(weights, fmpq(0)) != 1:
            raise CertificateError(f'"{mixture}" is a mixture: shares from 0 on that sum to one')
        found.append((places, weights))
    (rows, x), (columns, y) = found
    return rows, columns, x, y, rational(entry["value"])


def _at(entries: list[Any], places: list[int]) -> list[Any]:
    return [entries[k] for k in places]
