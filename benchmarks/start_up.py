"""What does starting cost: `import bilevel`, `bilevel --help`, a first game, against `import sympy` in the same run.

Goals: `import bilevel` under 0.6 s, `--help` under 0.2 s, on an idle laptop.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time

REPEATS = 7
YARDSTICK = "import sympy"
STARTS = {
    "bare Python": ["-c", "pass"],
    YARDSTICK: ["-c", "import sympy"],
    "import bilevel": ["-c", "import bilevel"],
    "bilevel --help": ["-m", "bilevel", "--help"],
    "a game": ["-c", "import bilevel; bilevel.Game, bilevel.rules, bilevel.stability"],
    "import jax": ["-c", "import jax"],
}


def seconds(arguments: list[str]) -> float:
    """Wall time of a fresh Python on the arguments, which must succeed."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure() -> dict[str, float]:
    """Median seconds of each start, taken in turns after one round that warms the disk."""
    for arguments in STARTS.values():
        seconds(arguments)
    rounds = [{name: seconds(arguments) for name, arguments in STARTS.items()} for _ in range(REPEATS)]
    return {name: statistics.median(times[name] for times in rounds) for name in STARTS}


def main() -> None:
    """Print seconds, and the ratio to the yardstick after the cost of Python itself is taken off both."""
    medians = measure()
    bare = medians["bare Python"]
    print(f"Python {platform.python_version()}, median of {REPEATS} in turns; ratio without bare Python's {bare:.3f} s")
    for name, value in medians.items():
        ratio = (value - bare) / (medians[YARDSTICK] - bare)
        print(f"{name:16} {value:7.3f} s   {ratio:6.2f} x {YARDSTICK}")


if __name__ == "__main__":
    main()
