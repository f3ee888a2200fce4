"""What the difference between two steps looks like as a whole: decay, clipping, steps of one size.

Main definitions: `pattern`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__: list[str] = []


def pattern(before: Any, came: Any, meant: Any, allowed: float) -> str:
    """The pattern of a player's steps at several points (rows): "" where there is none.

    Math: came - meant = -c before (decay); came - before = a (meant - before), 0 < a <= 1 another at each point
        (clipping); |came - before| = c at every number, with the derived signs (signs of gradients, Adam's first step).
    """
    if not np.all(np.isfinite(came)) or before.shape[1] < 2:
        return ""
    taken, derived, slack = came - before, meant - before, allowed * (1 + np.abs(meant))
    size = float(np.sum(before * before))
    decay = -float(np.sum((came - meant) * before)) / size if size else 0.0
    if abs(decay) > 4 * allowed and np.all(np.abs(came - meant + decay * before) <= slack):
        word = "a weight decay, or a penalty on their squares" if decay > 0 else "a decay of the wrong sign"
        return f"beside the derived step the parameters lose {decay:.3g} of themselves: {word}"
    whole = np.maximum(np.sum(derived * derived, axis=1, keepdims=True), 1e-300)
    part = np.sum(taken * derived, axis=1, keepdims=True) / whole
    along = np.all(np.abs(taken - part * derived) <= slack) and np.all((part > 0) & (part <= 1 + allowed))
    if along and np.ptp(part) > 10 * allowed:
        return "the derived step, shortened at each point by another factor: clipped or normalised gradients"
    far = np.abs(derived) > 10 * allowed
    sizes = np.abs(taken[far])
    if far.sum() > 4 and np.ptp(sizes) <= 1e-3 * sizes.max() + allowed and np.all(taken[far] * derived[far] > 0):
        return f"every number moves by {np.median(sizes):.3g}: steps by the sign of the gradient, as Adam's first ones"
    return ""
