"""How long do update equations, correspondences and proofs take, against `import sympy` in the same run?

Goals: the generic GAN's update equations under 1 s after import; a game of the catalogue with its verdict under 2 s.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import sympy as sp

import bilevel as bl
from bilevel.models import catalogue

REPEATS = 5


def import_sympy() -> float:
    """The yardstick: wall time of a fresh Python that imports SymPy."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import sympy"], check=True)
    return time.perf_counter() - start


def first(code: str) -> float:
    """Seconds a statement takes the first time, in a fresh Python, after its imports."""
    program = f"""
import time
import bilevel as bl, sympy as sp
h = sp.Symbol('h', positive=True)
bl.models.gan, bl.rules.alternating, bl.derive, bl.correspond
start = time.process_time()
{code}
print(time.process_time() - start)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return float(done.stdout)


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of the first run here: what a person waits for."""
    start = time.process_time()
    work()
    return time.process_time() - start


def verdicts() -> dict[str, float]:
    """For every model of the catalogue whose equilibrium the analysis finds alone: time of the flow's verdict."""
    found = {}
    for name, model in catalogue().items():
        game = model()
        if not isinstance(game, bl.Game) or not all(isinstance(v, sp.Symbol) for v in game.variables):
            continue
        start = time.process_time()
        try:
            bl.stability(game, bl.rules.flow())
        except Exception as problem:
            print(f"    left out: {name}: {str(problem).splitlines()[0][:80]}")
            continue
        found[name] = time.process_time() - start
    return found


STATEMENTS = {
    "update equations of the general GAN": "bl.derive(bl.models.gan(), bl.rules.alternating(h))",
    "... of the blind actor-critic method": "bl.derive(bl.models.blind_actor_critic(), bl.rules.alternating(h))",
    "their correspondence, proved": "bl.correspond(bl.models.blind_actor_critic(scaled=True), bl.models.gan())",
}


def main() -> None:
    """Print each time and its ratio to the yardstick."""
    yardstick = statistics.median(import_sympy() for _ in range(REPEATS))
    print(f"Python {platform.python_version()}, SymPy {sp.__version__}; `import sympy`: {yardstick:.3f} s")
    for name, code in STATEMENTS.items():
        value = statistics.median(first(code) for _ in range(REPEATS))
        print(f"{name:45} {value:7.3f} s   {value / yardstick:6.2f} x import sympy")
    times = verdicts()
    for title, value in (("median", statistics.median(times.values())), ("slowest", max(times.values()))):
        text = f"verdict on one of {len(times)} models, {title}"
        print(f"{text:45} {value:7.3f} s   {value / yardstick:6.2f} x import sympy")
    print(f"    the slowest: {max(times, key=lambda name: times[name])}")


if __name__ == "__main__":
    main()
