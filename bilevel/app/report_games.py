"""The first half of the report: both definitions as the paper writes them, and the update equations that follow.

Main definitions: `Cast` (the games the report is about), `definitions`, `environment`, `updates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_parts import Part, equation_of, said, tidy
from bilevel.game import Game
from bilevel.language import E, data, network, random, vector
from bilevel.language.laws import density
from bilevel.language.normal_form import normal_form
from bilevel.models import Environment, Policy, actor_critic, blind_actor_critic, gan, gan_environment
from bilevel.models.divergence import Divergence
from bilevel.rules import alternating, derive, simultaneous

STEP = sp.Symbol("h", positive=True)


@dataclass(frozen=True)
class Cast:
    """The games of the report, each built once."""

    @cached_property
    def minimax(self) -> Game:
        """Goodfellow's GAN: both players share one loss."""
        return gan()

    @cached_property
    def non_saturating(self) -> Game:
        """The generator loss used in practice, the paper's (5)."""
        return gan("non-saturating")

    @cached_property
    def labelled(self) -> Game:
        """The GAN with its label written out, the first line of the paper's (3)."""
        return gan(labelled=True)

    @cached_property
    def plain(self) -> Game:
        """The actor-critic method in the GAN's environment: the actor climbs Q at what the critic is shown."""
        return blind_actor_critic()

    @cached_property
    def scaled(self) -> Game:
        """The same with the actor's signal scaled by the slope of the divergence."""
        return blind_actor_critic(scaled=True)

    @cached_property
    def at_action(self) -> Game:
        """The same with Q queried at the action itself, as DPG does."""
        return blind_actor_critic(query="action")

    @cached_property
    def sighted(self) -> Game:
        """The actor sees the state: it is no GAN."""
        return blind_actor_critic(sighted=True)

    @cached_property
    def general(self) -> Game:
        """An actor-critic method in any environment: the paper's (9) and (10), any divergence."""
        gap = network("Delta")
        any_divergence = Divergence("Delta", lambda target, estimate: gap(target, estimate))
        return _general(any_divergence, "residual gradient", inside=True)

    @cached_property
    def dpg(self) -> Game:
        """Deterministic policy gradient: squared error, online semi-gradient."""
        return _general(Divergence("squared", lambda target, estimate: (target - estimate) ** 2), "semi-gradient")


def _general(divergence: Divergence, mode: Any, *, inside: bool = False) -> Game:
    s, a = random("s_t", data("p", "k")), vector("a_t", "n")
    reward, after = random("r_t", density("R", None, s)), random("s_prime", density("P", "k", s, a))
    world = Environment(
        state=s, action=a, reward=reward, noise=(reward, after), critic_sees=(s, a), actor_sees=(s,),
        next_state=after, discount=sp.Symbol("gamma", nonnegative=True),
    )  # fmt: skip
    actor = Policy(vector("theta", "p"), network("pi", out="n"))
    return actor_critic(world, actor, network("Q"), vector("phi", "q"), divergence=divergence, mode=mode, inside=inside)


def definitions(cast: Cast) -> Part:
    """The two problems side by side, their losses read off the objects."""
    critic_loss, actor_loss = tidy(cast.general.cost("critic")), tidy(cast.general.cost("actor"))
    adversarial = (
        "Generative adversarial network",
        ("Real images ", sp.Symbol("w"), " with unknown law, noise ", sp.Symbol("z"), "; a generator ", sp.Symbol("G"),
         " makes images, a discriminator ", sp.Symbol("D"), " says how probably an image is real."),
        show.paragraph("Both in one line, the label y is 1 for real:"),
        _loss("min_G max_D", -2 * cast.labelled.cost("discriminator"), "3"),
        show.paragraph("Discriminator (the upper level), minimises:"),
        _loss("F(D, G)", cast.minimax.cost("discriminator"), "4"),
        show.paragraph("Generator (the lower level), minimises, with the loss used in practice:"),
        _loss("f(D, G)", cast.non_saturating.cost("generator"), "5"),
        show.paragraph("or, in the minimax form, f = −F:"),
        _loss("f(D, G)", cast.minimax.cost("generator"), ""),
    )
    method = (
        "Actor-critic method",
        ("States ", sp.Symbol("s_t"), ", actions ", sp.Symbol("a_t"), ", rewards ", sp.Symbol("r_t"), ", next states ", sp.Symbol("s_prime"), ", discount ", sp.Symbol("gamma"),
         "; an actor ", sp.Symbol("pi"), " chooses actions, a critic ", sp.Symbol("Q"), " estimates the return."),
        show.paragraph("What the critic estimates:"),
        _value(),
        show.paragraph("Critic (the upper level), minimises, with any divergence Δ(target ‖ estimate):"),
        _loss("F(Q, π)", critic_loss, "9"),
        show.paragraph("Actor (the lower level), minimises, with the current critic:"),
        _loss("f(Q, π)", actor_loss, "10"),
    )  # fmt: skip
    notes = show.bullets(
        "Numbers in brackets are the paper's. Networks have any form and any number of weights; spaces have any dimension.",
        "(3): with a label that is 1 with probability 1/2 the labelled form is half of (4); twice the average is shown.",
        "(6) and (8) of the paper count rewards differently; here the return is the sum of γ^k r from k = 0, which makes them agree.",
        "(9) keeps the average over the next step inside the divergence, as printed. Algorithms stop the gradient of the target "
        "(semi-gradient) or freeze a copy of the weights; all three are modes of the model.",
        ("Bilevel form: ", sp.Symbol("x"), " minimises F(x, y*(x)) where y*(x) minimises f(x, y): x is D or Q, y is G or π."),
    )
    section = show.section(
        "The two definitions",
        "Each side is written once, as losses of players. Everything below is derived from these objects.",
        show.columns(adversarial, method),
        notes,
    )
    losses = {
        "gan minimax": _game_data(cast.minimax),
        "gan non-saturating": _game_data(cast.non_saturating),
        "gan labelled": _game_data(cast.labelled),
        "actor-critic general": _game_data(cast.general),
    }
    return Part(section, losses)


def _value() -> Any:
    gamma, k = sp.Symbol("gamma", nonnegative=True), sp.Symbol("k", integer=True)
    total = sp.Sum(gamma**k * sp.Symbol("r_t+k"), (k, 0, sp.oo))
    row = (sp.Symbol("Q__pi"), "(s, a) = 𝔼[", total, " | ", sp.Symbol("s_t"), " = s, ", sp.Symbol("a_t"), " = a]")
    return show.equation(row, label="6")


def _loss(left: str, right: Any, label: str) -> Any:
    return show.equation_rows([(left, "=" if "min" not in left else "", right)], label=label, width=44)


def _game_data(game: Game) -> dict[str, Any]:
    return {
        name: {"moves": [str(v) for v in player.moves], "sense": player.sense, "loss": said(tidy(player.loss)),
               "field": {str(v): said(tidy(value)) for v, value in game.field().items() if v in player.moves}}
        for name, player in game.players.items()
    }  # fmt: skip


def environment(cast: Cast) -> Part:
    """The GAN's decision process: a coin, an image, a reward; and the four changes that make the method a GAN."""
    world = gan_environment()
    (shown,) = world.critic_sees
    facts = [
        ("State", (world.state, ", a real image, drawn anew each time")),
        ("Coin", (world.reward, " is 1 with probability 1/2")),
        ("Action", (world.action, ", all pixels of an image")),
        ("What the critic sees", (shown, ", the real image or the actor's")),
        ("What the actor sees", "nothing of the state: it is blind" if world.blind else "the state"),
        ("Reward", (world.reward, ": 1 if the real image was shown")),
        ("Next state", "an independent draw: the process is stateless" if world.stateless else "depends on the action"),
        ("Discount", world.discount),
        ("Critic's loss", tidy(cast.plain.cost("critic"))),
        ("Actor's loss", tidy(cast.plain.cost("actor"))),
        ("Actor's loss, scaled", tidy(cast.scaled.cost("actor"))),
    ]
    changes = show.bullets(
        (show.element("b", "A blind actor. "), "With sight it would copy the state; see theorem 8."),
        (show.element("b", "A cross-entropy critic "), "in place of the mean squared Bellman residual; its best value is the same; see theorem 4."),
        (show.element("b", "A scaled signal. "), "Actors climb Q, generators climb the critic's loss: the slope of the divergence, held constant, is the factor; see theorem 2."),
        (show.element("b", "A mask. "), "The actor learns nothing when the real image is shown. Differentiated through the shown image this is automatic; "
         "with Q queried at the action itself, as in DPG, it is not; see theorem 2."),
        ordered=True,
    )  # fmt: skip
    section = show.section(
        "The environment in which an actor-critic method is a GAN",
        "A coin decides whether the critic is shown the actor's image or a real one; the reward says which. "
        "This is an ordinary Markov decision process with observation maps, handed to the ordinary actor-critic model.",
        show.table(["Part", "In this environment"], facts),
        "Four changes to a textbook method make it exactly a GAN (section 2.3 of the paper):",
        changes,
    )
    return Part(section, {"environment": {str(k): said(v) if isinstance(v, sp.Basic) else None for k, v in facts}, "game": _game_data(cast.scaled)})


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
        ("Every player steps against the gradient of its own loss with step size ", STEP, ". Alternating, the second player "
         "already uses the first one's new weights: look at the time index. ∇ and ∂ with a number are derivatives in that argument; "
         "sg holds a value constant."),
    ]  # fmt: skip
    found: dict[str, Any] = {}
    for title, game in games.items():
        made = {rule.name: derive(game, rule) for rule in (simultaneous(STEP), alternating(STEP))}
        plainer = _averaged(game)
        blocks.append(show.section(
            title,
            show.paragraph("Simultaneous:"), equation_of(_tidied(made["simultaneous"])),
            show.paragraph("Alternating:"), equation_of(_tidied(made["alternating"])),
            *([show.paragraph("With the coin averaged out, the gradients are"), plainer] if plainer is not None else []),
            anchor=f"updates-{len(found)}",
        ))  # fmt: skip
        found[title] = {name: {"text": str(update), "latex": update.latex()} for name, update in made.items()}
    return Part(show.section("The update equations", *blocks), found)


def _tidied(update: Any) -> Any:
    from dataclasses import replace

    lines = tuple(replace(line, value=tidy(line.value)) for line in update.assignments)
    return replace(update, assignments=lines, after={v: tidy(value) for v, value in update.after.items()})


def _averaged(game: Game) -> Any:
    """The field in normal form, where the coin stands in it."""
    if not any(str(v) == "y" for player in game.players.values() for v in player.loss.atoms(sp.Basic) if hasattr(v, "law")):
        return None
    rows = [(("F", sp.Symbol(""), ""), "=", 0)]
    rows = [(show.element("msub", show.element("mi", "F"), _letter(v)), "=", normal_form(value).expression) for v, value in game.field().items()]
    return show.equation_rows(rows, laws=False, width=70)


def _letter(variable: Any) -> Any:
    from bilevel.show.mathml_printer import inside

    return inside(sp.Symbol(variable.name))


def figure_labels() -> Mapping[str, str]:
    """Names of the games in the report."""
    return {}
