"""The update equations of every game, typeset as derived, and checked against automatic differentiation.

Main definitions: `updates` (the section), `checked`, `check_data`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_cast import Cast
from bilevel.app.report_parts import Part, component, equation_of, listed, power, shortened, stamp, where
from bilevel.game import Game
from bilevel.language.normal_form import normal_form
from bilevel.rules import alternating, derive, simultaneous

STEP = sp.Symbol("h", positive=True)


def updates(cast: Cast) -> Part:
    """Update equations of every game, simultaneous and alternating, as derived."""
    games = {
        "Minimax GAN": cast.minimax,
        "Non-saturating GAN": cast.non_saturating,
        "Actor-critic method in the GAN's environment": cast.plain,
        "The same, with the signal scaled": cast.scaled,
        "Actor-critic method in any environment (DPG)": cast.dpg,
    }
    blocks: list[Any] = [
        ("Every player steps against the gradient of its own loss with step size ", STEP, ". Alternating, the "
                                                                                          "second player "
         "already uses the first one's new weights: look at the time index. ∇ and ∂ with a number are "
         "derivatives in that argument; "
         "sg holds a value constant."),
    ]  # fmt: skip
    found: dict[str, Any] = {}
    for title, game in games.items():
        made = {rule.name: derive(game, rule) for rule in (simultaneous(STEP), alternating(STEP))}
        plainer, checks = _averaged(game), checked(game, made)
        blocks.append(show.section(
            title,
            show.paragraph("Simultaneous:"), _shown(made["simultaneous"]),
            show.paragraph("Alternating:"), _shown(made["alternating"]),
            *([show.paragraph("With the coin averaged out, the gradients "
                              "are"), plainer] if plainer is not None else []),
            *([_agreement(checks)] if checks else []),
            anchor=f"updates-{len(found)}",
        ))  # fmt: skip
        found[title] = {name: {"text": str(update), "latex": update.latex()} for name, update in made.items()}
        found[title]["numeric"] = [check_data(check) for check in checks]
    return Part(show.section("The update equations", *blocks, anchor="updates"), found)


def _shown(update: Any) -> Any:
    """The equations, with o for the image the coin shows."""
    images: dict[Any, Any] = {}
    for _, right in update.lines(stamp):
        images |= shortened(right)[1]
    return show.join(equation_of(update, shorthand=images), where(images) if update.rule.name == "alternating" else "")


def _averaged(game: Game) -> Any:
    """The field in normal form, where a coin stands in it."""
    if not any(
        getattr(part, "name", "") == "y"
        for player in game.players.values()
        for part in sp.preorder_traversal(player.loss)
    ):
        return None
    rows = [(component(v), "=", normal_form(value).expression) for v, value in game.field().items()]
    return show.equation_rows(rows, laws=False, width=70)


def checked(game: Game, made: dict[str, Any]) -> tuple[Any, ...]:
    """Every derived update against one numeric step of the rule, with gradients by JAX from the compiled losses."""
    try:
        from bilevel.numeric.check import check_update
    except ImportError:  # JAX is not there
        return ()
    return tuple(check_update(game, update.rule, text=name) for name, update in made.items())


def check_data(check: Any) -> dict[str, Any]:
    """A numeric check as data."""
    return {"text": check.text, "passed": check.passed, "differs": check.differs, "worst": float(check.worst),
            "tolerance": float(check.tolerance), "trials": check.trials, "dtype": check.dtype}  # fmt: skip


def _agreement(checks: tuple[Any, ...]) -> Any:
    """One line on both rules."""
    words = f"Checked in JAX, {listed(check.text for check in checks)}: the equations above against a step whose "
    words += "gradients come from automatic "
    words += f"differentiation of the losses; worst difference {power(max(check.worst for check in checks))}, "
    words += f"tolerance {power(min(check.tolerance for check in checks))}."
    return show.check(words, passed=all(check.passed for check in checks))
