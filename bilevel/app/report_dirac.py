"""The smallest instance, the Dirac-GAN: fixed point, Jacobian, spectra, exact step sizes, and pictures of them.

Main definitions: `dirac` (the section). Floats appear in pictures only; every verdict is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.analysis import equilibria, stability
from bilevel.app import report_pictures as pictures
from bilevel.app.answers import state_order, verdict_object
from bilevel.app.report_parts import Part, called, component, equation_of, said, worded
from bilevel.game import Game
from bilevel.language.errors import BilevelError
from bilevel.language.functions import sigmoid
from bilevel.language.known_function import known_function
from bilevel.models import dirac_gan
from bilevel.rules import alternating, derive, flow, simultaneous
from bilevel.show.mathml_printer import inside

STEP, PENALTY = sp.Symbol("h", positive=True), sp.Symbol("gamma", positive=True)
_SLOPE = sp.Symbol("c", positive=True)
_NAMES = {"none": "no penalty", "R1": "with penalty"}


@dataclass(frozen=True)
class Dirac:
    """The game with and without the penalty, and the exact verdict on each rule at its equilibrium."""

    @cached_property
    def bare(self) -> Game:
        """No penalty."""
        return dirac_gan()

    @cached_property
    def penalised(self) -> Game:
        """The discriminator pays gamma/2 psi^2, the squared slope of D at the data."""
        return dirac_gan(penalty="R1", gamma=PENALTY)

    @property
    def rules(self) -> tuple[Any, ...]:
        """The three rules."""
        return flow(), simultaneous(STEP), alternating(STEP)

    @cached_property
    def origin(self) -> dict[Any, Any]:
        """theta = psi = 0."""
        return dict.fromkeys(self.bare.variables, sp.S.Zero)

    @cached_property
    def verdicts(self) -> dict[tuple[str, str], Any]:
        """(game, rule) to verdict."""
        games = {"none": self.bare, "R1": self.penalised}
        return {
            (name, rule.name): stability(game, rule, at=self.origin)
            for name, game in games.items()
            for rule in self.rules
        }

    @cached_property
    def general(self) -> dict[tuple[str, str], Any]:
        """The same with any score f, through c = f'(0) alone; f''(0) drops out."""
        score = known_function("f", ((sp.S.Zero, (sp.Symbol("f_0", real=True), _SLOPE, sp.Symbol("f_2", real=True))),))
        games = {"none": dirac_gan(score), "R1": dirac_gan(score, "R1", gamma=PENALTY)}
        return {
            (name, rule.name): stability(game, rule, at=self.origin)
            for name, game in games.items()
            for rule in self.rules
        }


def dirac(example: Dirac) -> Part:
    """The section on the instance."""
    section = show.section(
        "The smallest instance: the Dirac-GAN",
        ("Real data is the point 0, generated data the point ", sp.Symbol("theta"), ", the discriminator D(x) = "
                                                                                    "σ(ψ x). Both "
         "players share one loss, and everything about it can be computed."),
        *_game(example),
        show.section("Is the equilibrium reached?", *_table(example)),
        show.section("Spectrum", *pictures.spectra(example)),
        show.section("In the plane", *pictures.portraits(example)),
        show.section("Which step sizes converge", *pictures.maps(example)),
        anchor="dirac-gan",
    )  # fmt: skip
    return Part(section, dict(_data(example)))


def _game(example: Dirac) -> Iterator[Any]:
    game, matrix = example.penalised, example.penalised.jacobian()
    player = game["discriminator"]
    yield show.equation_rows([(called("L", "theta", "psi"), "=", player.loss)])
    yield ("The generator minimises "
           "L", ", the discriminator maximises it; ", PENALTY, " weighs the penalty on its slope at the data "
           "(R1; here R2 is the same). The softplus is log(1 + exp(·)).")  # fmt: skip
    yield show.paragraph("The field F, whose zeros are the fixed points, and its Jacobian at θ = ψ = 0:")
    field = game.field()
    yield show.equation_rows([(component(v), "=", field[v]) for v in game.variables])
    at_zero = sp.Matrix(matrix).subs(example.origin)
    yield show.equation_rows([("F′(0, 0)", "=", at_zero)])
    for name, played in (("Without penalty", example.bare), ("With penalty", example.penalised)):
        yield _fixed_points(name, equilibria(played))
    yield show.paragraph(
        "The off-diagonal entries have opposite signs: each player undoes what the other does (theorem 5)."
    )
    yield show.paragraph("Updates of the unpenalised game, simultaneous, then alternating:")
    for rule in (simultaneous(STEP), alternating(STEP)):
        yield equation_of(derive(example.bare, rule))


def _fixed_points(name: str, found: Any) -> Any:
    """Every fixed point with its kinds, and whether these are all."""
    points = [", ".join(f"{variable} = {value}" for variable, value in one.point.items()) for one in found.points]
    kinds = "; ".join(", ".join(one.kinds) for one in found.points)
    words = f"{name}: {'the only fixed point is' if len(points) == 1 and found.complete else 'fixed points found:'} "
    return show.check((words, worded(" and ".join(points)), f" ({kinds})."), passed=bool(points) and found.complete)


def _table(example: Dirac) -> Iterator[Any]:
    bare = [[rule.capitalize(), *map(_where, (v.condition, v.marginal_on, v.unstable_on)), v.marginal_why or "–"]
            for (penalty, rule), v in example.verdicts.items() if penalty == "none"]  # fmt: skip
    yield show.table(["Rule", "Exponentially "
                              "stable", "On the border", "Unstable", "What the border is"], bare, caption=(
        "Without penalty. On the border of stability nonlinear terms decide."))  # fmt: skip
    head = ["Rule", "Exponentially stable exactly where", "Solved for the step"]
    with_it = [
        [rule.capitalize(), _where(v.condition), _solved(v)]
        for (penalty, rule), v in example.verdicts.items()
        if penalty != "none"
    ]
    yield show.table(head, with_it, caption=("With penalty; ", STEP, " > 0 and ", PENALTY, " > 0."))
    yield show.paragraph(
        "Every entry is ", show.badge("exact"), ": the characteristic polynomial of the linearised rule is put "
                                                "to the Hurwitz test (flow, "
        "Re λ < 0 per unit time) or the Schur test (steps, |λ| < 1 per step); no eigenvalue is computed in "
        "floats.")  # fmt: skip
    yield from _energies(example)
    yield show.bullets(
        "Alternating steps have both eigenvalues on the unit circle up to h = 4, so they never converge "
        "exponentially; at h = 4 the eigenvalue "
        "−1 is double, with a Jordan block; beyond, they diverge.",
        "With the penalty the flow converges for every γ > 0, and both discrete rules exactly on the regions above.",
        "Lemmas 2.2, 2.4, 2.5 and 3.3 of Mescheder, Geiger and Nowozin (2018), arXiv:1801.04406, say the same of "
        "the eigenvalues.",
    )
    yield from _any_score(example)
    for (penalty, rule), verdict in example.verdicts.items():
        yield _eigenvalues(f"{rule}, {_NAMES[penalty]}", verdict)


def _any_score(example: Dirac) -> Iterator[Any]:
    """The same for any score function, through its slope at 0."""
    yield show.element("h4", "For any score function")
    yield ("With any f in place of the log-sigmoid, of which only ", sp.Symbol("c"), " = f′(0) > 0 matters here "
                                                                                     "(a negative one turns the "
           "circle round; for the log-sigmoid c = 1/2):")  # fmt: skip
    rows = [
        [
            f"{rule.capitalize()}, {'no penalty' if penalty == 'none' else 'penalty'}",
            _values(v),
            _where(v.condition),
            _solved(v),
        ]
        for (penalty, rule), v in example.general.items()
    ]
    yield show.table(["Rule", "Eigenvalues", "Stable exactly where", "Solved for the step"], rows)


def _energies(example: Dirac) -> Iterator[Any]:
    """What happens to theta^2 + psi^2, exactly and everywhere in the plane."""
    theta, psi = example.bare.variables
    energy, slope = theta**2 + psi**2, sigmoid(-psi * theta)
    field = example.bare.field()
    rate = sp.expand(-sum(sp.diff(energy, v) * field[v] for v in (theta, psi)))
    after = derive(example.bare, simultaneous(STEP)).composed()
    grown = sp.expand(energy.subs(after, simultaneous=True) - energy * (1 + STEP**2 * slope**2))
    yield show.check(
        ("The flow circles for ever: ", energy, " is conserved, everywhere in the plane."), passed=rate == 0
    )
    yield show.check(
        (
            "Simultaneous steps spiral outward at every step size: each multiplies ",
            energy,
            " by ",
            1 + STEP**2 * slope**2,
            ".",
        ),
        passed=grown == 0,
    )


def _values(verdict: Any) -> Any:
    """The eigenvalues, a pair as one formula with plus or minus."""
    (first, _), *others = verdict.eigenvalues or ((sp.Symbol("?"), 1),)
    if not others:
        return first
    middle = sp.expand((first + others[0][0]) / 2)
    apart = sp.expand(first - middle).replace(lambda e: e.is_Pow and e.exp == sp.S.Half, lambda e: _root(e.base))
    apart = -apart if apart.could_extract_minus_sign() else apart
    before = [inside(middle)] if middle != 0 else []
    return show.mathml(show.element("mrow", *before, show.element("mo", "±"), inside(apart)))


def _root(radicand: Any) -> Any:
    """A root with squares of the step taken out."""
    square = STEP**2
    return (
        STEP * sp.sqrt(sp.expand(radicand / square))
        if sp.expand(radicand / square).is_polynomial(STEP)
        else sp.sqrt(radicand)
    )


def _eigenvalues(name: str, verdict: Any) -> Any:
    z = sp.Symbol("z")
    rows = [
        ("J", "=", sp.Matrix(verdict.jacobian)),
        ("det(z − J)", "=", sp.collect(sp.expand(verdict.characteristic_polynomial), z)),
    ]
    rows += [("λ", "=", value) for value, _ in verdict.eigenvalues or ()]
    return show.element(
        "details",
        show.element("summary", f"Linearisation and eigenvalues: {name}"),
        show.equation_rows(rows, width=90),
        class_="proof",
    )


def _where(condition: Any) -> Any:
    return {sp.true: "everywhere", sp.false: "nowhere"}.get(condition, condition)


def _solved(verdict: Any) -> Any:
    if verdict.condition in (sp.true, sp.false):
        return "–"
    try:
        return verdict.solve(STEP)
    except BilevelError as problem:
        return str(problem)


def _data(example: Dirac) -> Iterator[tuple[str, Any]]:
    for name, game in (("none", example.bare), ("R1", example.penalised)):
        answers = {}
        for rule in example.rules:
            verdict = example.verdicts[name, rule.name]
            solve_for = [STEP] if rule.name != "flow" else []
            answers[rule.name] = {
                "time": rule.time,
                **verdict_object(verdict, state_order(game, rule), solve_for=solve_for),
            }
        yield f"penalty {name}", {
            "loss": said(game["discriminator"].loss), "field": {str(v): said(f) for v, f in game.field().items()},
            "fixed point": {str(v): "0" for v in game.variables}, "rules": answers,
        }  # fmt: skip
