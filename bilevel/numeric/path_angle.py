"""How the field turns along a straight path: the picture that tells attraction from rotation.

Main definitions: `path_angle`, `PathAngle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from bilevel.language.errors import GameError
from bilevel.numeric.precision import working
from bilevel.numeric.spectra_operator import flat_step
from bilevel.numeric.spectra_products import FlatStep
from bilevel.rules.descent import flow


@dataclass(frozen=True)
class PathAngle:
    """The cosine between the field and a straight path, and the field's norm, along the path.

    Math: w_a = (1 - a) start + a end; cosine(a) = <end - start, F(w_a)> / (|end - start| |F(w_a)|). Near an end that
        attracts without rotation it is near -1 before the end and jumps to +1 behind it (a sign switch); near an end
        that is circled it stays small or shows a bump.

    Shapes: `positions`, `cosine`, `norm` are arrays of one length; the cosine is nan where the field is exactly zero.

    Reference: Berard et al. (2020), arXiv:1906.04848, section 5.

    Examples:
        >>> import numpy as np
        >>> PathAngle(np.array([0.9, 1.1]), np.array([-1.0, 1.0]), np.array([0.1, 0.1])).sign_switch
        2.0
    """

    positions: np.ndarray
    cosine: np.ndarray
    norm: np.ndarray
    known: str = "float"

    @property
    def sign_switch(self) -> float:
        """The jump of the cosine across the end: 2 for pure attraction, 0 for pure rotation, -2 for pure repulsion."""
        before = self.cosine[self.positions < 1]
        behind = self.cosine[self.positions > 1]
        if not len(before) or not len(behind):
            raise GameError("the path must reach beyond its end to show a sign switch; give positions above 1")
        return float(behind[0] - before[-1])

    def __str__(self) -> str:
        return f"path-angle: cosine {self.cosine[0]:.2f} at the start, jump of {self.sign_switch:.2f} across the end"


def path_angle(
    losses: Any,
    start: Any,
    end: Any,
    *arguments: Any,
    positions: Any = None,
    values: Mapping[Any, Any] | None = None,
    maximizing: tuple[str, ...] = (),
    realisation: Any = None,
    dtype: Any = None,
) -> PathAngle:
    """The path-angle of a game between two points, such as the first and the last of a training run.

    Math: see `PathAngle`; `positions` defaults to 60 values of a from 0.6 to 1.4, dense at the end, 1 left out.

    Shapes: one evaluation of the field a position; losses and points as `bilevel.numeric.jacobian` takes them.

    Raises: GameError if the two points are of different shapes, or coincide.

    Reference: Berard et al. (2020), arXiv:1906.04848, section 5.

    Examples:
        >>> f = lambda z: z["x"] * z["y"]
        >>> turning = path_angle({"x": f, "y": f}, {"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 0.0}, maximizing=("y",))
        >>> abs(turning.sign_switch) < 1e-12
        True
    """
    spread = np.linspace(0.02, 0.4, 30) if positions is None else None
    places = np.asarray(positions if spread is None else np.concatenate([1 - spread[::-1], 1 + spread]), dtype=float)
    choices = {"values": values, "maximizing": maximizing, "realisation": realisation}
    step = flat_step(losses, start, arguments, flow(), (), dtype, **choices)
    other = flat_step(losses, end, arguments, flow(), (), step.dtype, **choices)
    a, b = step.start(), other.start()
    if a.shape != b.shape:
        raise GameError(f"the two points have {a.size} and {b.size} parameters; a path needs points of one shape")
    along = (b - a).astype(float)
    length = float(np.linalg.norm(along))
    if length == 0:
        raise GameError("the two points are the same; a path needs a start and an end")
    fields = [_field(step, a + place * along) for place in places]
    norms = np.array([float(np.linalg.norm(F)) for F in fields])
    with np.errstate(invalid="ignore"):
        cosines = np.array(
            [float(along @ F) / (length * n) if n else np.nan for F, n in zip(fields, norms, strict=True)]
        )
    return PathAngle(places, cosines, norms)


def _field(step: FlatStep, z: np.ndarray) -> np.ndarray:
    with working(step.dtype):
        return -np.asarray(step.value(jnp.asarray(z, step.dtype), {}, step.data()[0]), dtype=np.float64)
