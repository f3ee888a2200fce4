"""Published results derived again: how many come out, and how long each takes after import.

Run `python benchmarks/published.py` from the repository, nothing else running. Prints a table: id, what became of it
(re-derived, unknown, wrong), seconds of processor time, source; then the counts, the median and the slowest.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.published.claims import Outcome, outcome
from tests.published.test_published import RESULTS


def table(found: list[Outcome]) -> None:
    """One line a result, then the summary."""
    print("| result | status | seconds | source |\n|---|---|---|---|")
    for one in found:
        print(f"| {one.result.id} | {one.status} | {one.seconds:.2f} | {one.result.source} |")
        for check in one.checks:
            if check.holds is not True:
                print(f"|  | {'wrong' if check.holds is False else 'unknown'} | | {check.text} |")
    counts = {status: sum(o.status == status for o in found) for status in ("re-derived", "unknown", "wrong")}
    print("\n" + ", ".join(f"{status}: {count}" for status, count in counts.items()))
    seconds = [o.seconds for o in found]
    slowest = max(found, key=lambda o: o.seconds)
    print(f"median {statistics.median(seconds):.2f} s, slowest {slowest.result.id} {slowest.seconds:.2f} s")


if __name__ == "__main__":
    table([outcome(result) for result in RESULTS])
