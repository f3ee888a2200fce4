"""Draw the picture of the README: `python docs/picture.py` writes docs/stability.png.

The map is drawn from spectral radii in floating point, for the eye; the curve over it is the exact boundary.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import bilevel as bl


def draw() -> None:
    """Write the picture beside this file."""
    theta, psi = sp.symbols("theta psi", real=True)
    h, gamma = sp.symbols("h gamma", positive=True)
    loss = -sp.log(1 + sp.exp(-psi * theta))
    game = bl.Game(generator=bl.minimize(loss, theta), discriminator=bl.maximize(loss - gamma / 2 * psi**2, psi))
    rule = bl.rules.alternating(h)
    verdict = bl.stability(game, rule, at={theta: 0, psi: 0})
    entries = sp.lambdify((h, gamma), list(verdict.jacobian), "numpy")
    steps, penalties = np.linspace(0.01, 5, 240), np.linspace(0, 3, 240)
    grid = np.broadcast_arrays(*entries(*np.meshgrid(steps, penalties)))
    size = np.abs(np.linalg.eigvals(np.stack(grid, -1).reshape(*grid[0].shape, 2, 2))).max(-1)
    figure = bl.show.stability_map(
        size,
        steps,
        penalties,
        names=(h, gamma),
        boundary=verdict.condition,
        boundary_label="exact: h²/4 + 2γh = 4",
        units=("per step", "penalty weight"),
        title="Dirac-GAN with R1 penalty, alternating descent",
    )
    figure.savefig(Path(__file__).with_name("stability.png"), dpi=130, bbox_inches="tight")


if __name__ == "__main__":
    draw()
