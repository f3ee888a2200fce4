"""The first half of the report: both definitions as the paper writes them, and the update equations that follow.

Main definitions: `Cast` (the games the report is about), `definitions`, `environment`, `updates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_parts import Part, called, component, equation_of, letter, listed, power, said, stamp, tidy
from bilevel.game import Game
from bilevel.language import E, data, network, random, vector
from bilevel.language.expectation import Expectation
from bilevel.language.laws import density
from bilevel.language.normal_form import normal_form
from bilevel.models import Environment, Policy, actor_critic, blind_actor_critic, gan, gan_environment, generator_policy
from bilevel.models.divergence import Divergence
from bilevel.rules import alternating, derive, simultaneous
from bilevel.show.mathml_printer import inside

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

    @property
    def plain_action(self) -> Any:
        """What the blind actor does: a = G(z, theta)."""
        world = gan_environment()
        return generator_policy().act(world.actor_sees, world.action)[0]

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
    critic_loss, actor_loss = (_with_actions(tidy(cast.general.cost(name))) for name in ("critic", "actor"))
    adversarial = (
        "Generative adversarial network",
        ("Real images ", sp.Symbol("w"), " with law ", sp.Symbol("p_data"), ", noise ", sp.Symbol("z"), " ∼ 𝒩(0, I); a generator ",
         sp.Symbol("G"), " with weights ", sp.Symbol("theta"), " makes images, a discriminator ", sp.Symbol("D"), " with weights ",
         sp.Symbol("phi"), " says how probably an image is real."),
        show.paragraph("In one line, with the label y = 1 for real images and y = 0 for made ones:"),
        _labelled(cast),
        show.paragraph("Discriminator, the upper level, minimises"),
        _loss(called("F", "D", "G"), cast.minimax.cost("discriminator"), "4"),
        show.paragraph("Generator, the lower level, minimises the loss used in practice (non-saturating)"),
        _loss(called("f", "D", "G"), cast.non_saturating.cost("generator"), "5"),
        show.paragraph("or, in the minimax form of (3), f = −F:"),
        _loss(called("f", "D", "G"), _minus(cast.minimax["generator"].loss), ""),
    )
    method = (
        "Actor-critic method",
        ("States ", sp.Symbol("s_t"), " ∼ p, actions ", sp.Symbol("a_t"), ", rewards ", sp.Symbol("r_t"), " ∼ R, next states ",
         sp.Symbol("s_prime"), " ∼ P, discount ", sp.Symbol("gamma"), "; an actor ", sp.Symbol("pi"), " with weights ", sp.Symbol("theta"),
         " chooses actions, a critic ", sp.Symbol("Q"), " with weights ", sp.Symbol("phi"), " estimates the return:"),
        _value(),
        show.paragraph("Critic, the upper level, minimises, for any divergence Δ(target ‖ estimate),"),
        _loss(called("F", "Q", "pi"), critic_loss, "9"),
        show.paragraph("which is (8) at its minimum over Q. Actor, the lower level, minimises"),
        _loss(called("f", "Q", "pi"), actor_loss, "10"),
        ("with ", vector("a_t", "n"), " = ", _acts("s_t"), " and ", vector("a_prime", "n"), " = ", _acts("s_prime"), "."),
        show.paragraph("The best actor under the true values is the paper's (7). The gradient reaches the actor through Q, as in DPG; "
                       "for SVG(0) the actor has noise as a further argument."),
    )  # fmt: skip
    section = show.section(
        "The two definitions",
        ("Both are bilevel problems, (1) and (2) of the paper: ", sp.Symbol("x"), " minimises ", called("F", "x", "y"), " where ",
         sp.Symbol("y"), " minimises ", called("f", "x", "y"), "; ", sp.Symbol("x"), " is D or Q, ", sp.Symbol("y"), " is G or π. Each side is written once, as the losses "
         "of players; everything below is derived from these objects."),
        show.columns(adversarial, method),
        show.bullets(*_remarks()),
        anchor="definitions",
    )  # fmt: skip
    losses = {
        "gan minimax": _game_data(cast.minimax),
        "gan non-saturating": _game_data(cast.non_saturating),
        "gan labelled": _game_data(cast.labelled),
        "actor-critic general": _game_data(cast.general),
    }
    return Part(section, losses)


def _acts(state: str) -> Any:
    """pi(s, theta)"""
    return network("pi", out="n")(random(state, data("p", "k")), vector("theta", "p"))


def _with_actions(loss: Any) -> Any:
    """The loss with a_t and a' for what the actor does."""
    names = {"s_t": "a_t", "s_prime": "a_prime"}
    calls = [call for call in sp.preorder_traversal(loss) if getattr(getattr(call, "network", None), "name", "") == "pi"]
    return loss.xreplace({call: vector(names[call.arguments[0].name], "n") for call in calls})


def _remarks() -> tuple[Any, ...]:
    return (
        "Numbers in brackets are the paper's. Networks have any form, weights and spaces any dimension.",
        "With a fair label, the first line of (3) is half of its second line, −F. The factor matters for equality, not for the game.",
        "The paper's (6) counts rewards from k = 1, its (8) from k = 0; here the return starts at k = 0, which makes the two agree.",
        "(9) keeps the average over the next step inside the divergence, as printed, and Q stands in it twice: its own gradient is the "
        "residual gradient. Algorithms stop the gradient of the target (semi-gradient) or freeze a copy of Q there (target network). "
        "All three are modes of the model.",
        ("(10) as printed has the true value of the policy; as algorithms do, the current critic stands there and is held fixed. The law "
         "p of the states under which the actor's loss is taken (start law, discounted occupancy, replay) is a parameter."),
    )


def _labelled(cast: Cast) -> Any:
    """E[y log D(o) + (1 - y) log(1 - D(o))], the first line of (3)."""
    loss, images = shortened(cast.labelled.cost("discriminator"))
    words = [show.element("munder", show.element("mi", word), show.element("mi", below)) for word, below in (("min", "G"), ("max", "D"))]
    best = show.element("mrow", words[0], show.element("mspace", width="0.2em"), words[1], show.element("mspace", width="0.2em"))
    return show.join(show.equation((best, _minus(loss)), label="3", laws=False), where(images))


def where(images: dict[Any, Any]) -> Any:
    """What the shorthands stand for."""
    parts = [piece for image, o in images.items() for piece in (o, " = ", image)]
    return show.paragraph("with ", *parts, ", the image shown.") if parts else show.Markup("")


def shortened(expression: Any) -> tuple[Any, dict[Any, Any]]:
    """The expression with o for the image the coin shows, and what o stands for."""
    shown = {}
    for call in sp.preorder_traversal(expression):
        image = call.arguments[0] if getattr(getattr(call, "network", None), "name", "") == "D" and hasattr(call, "arguments") else None
        if image is not None and any(getattr(part, "name", "") == "y" for part in sp.preorder_traversal(image)):
            stamp = "_t" if any(getattr(part, "name", "").endswith("_t") for part in sp.preorder_traversal(image)) else ""
            shown[image] = vector(f"o{stamp}", "n")
    return expression.xreplace(shown), shown


def _minus(expression: Any) -> Any:
    """The negative, with the sign taken into every average."""
    if isinstance(expression, Expectation):
        return expression.func(_minus(expression.body), *expression.variables)
    return sp.Add(*(_minus(term) for term in expression.args)) if isinstance(expression, sp.Add) else -expression


def _value() -> Any:
    gamma, k = sp.Symbol("gamma", nonnegative=True), sp.Symbol("k", integer=True)
    total = sp.Sum(gamma**k * sp.Symbol("r_t+k"), (k, 0, sp.oo))
    given = show.element("mrow", *(letter(sp.Symbol(name)) for name in ("s_t",)), show.element("mo", ","), letter(sp.Symbol("a_t")))
    body = show.element("mrow", show.element("mi", "𝔼"), show.element("mo", "["), inside(total), show.element("mo", "|"), given, show.element("mo", "]"))
    return show.equation_rows([(inside(sp.Function("Q__pi")(sp.Symbol("s_t"), sp.Symbol("a_t"))), "=", body)], label="6")


def _loss(left: Any, right: Any, label: str) -> Any:
    return show.equation_rows([(left, "=", right)], label=label, width=44, laws=False)


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
        ("State", (world.state, " ∼ ", world.state.law, ", a real image, drawn anew each time")),
        ("Action", (world.action, " = ", cast.plain_action, ", all pixels of an image, ", sp.Symbol("z"), " ∼ 𝒩(0, I)")),
        ("Coin", (world.reward, " is 1 with probability 1/2, else 0")),
        ("Critic sees", ("o = ", shown, ", the real image or the actor's")),
        ("Actor sees", "nothing: it is blind" if world.blind else "the state"),
        ("Reward", (world.reward, ": 1 if the real image was shown")),
        ("Next state", "an independent draw: the process is stateless" if world.stateless else "depends on the action"),
        ("Discount", world.discount),
    ]
    losses = [
        ("Critic's loss", shortened(tidy(cast.plain.cost("critic")))[0]),
        ("Actor's loss, climbing Q", shortened(tidy(cast.plain.cost("actor")))[0]),
        ("Actor's loss, scaled", shortened(tidy(cast.scaled.cost("actor")))[0]),
    ]
    section = show.section(
        "The environment in which an actor-critic method is a GAN",
        "A coin decides whether the critic is shown the actor's image or a real one; the reward says which. This is an ordinary Markov "
        "decision process with observation maps, handed to the ordinary actor-critic model.",
        show.table(["Part", "In this environment"], facts),
        "With the cross-entropy divergence the losses (9) and (10) become",
        *(show.equation_rows([(words, "=", loss)], laws=False, width=60) for words, loss in losses),
        ("where sg( ) is held constant by every derivative: in the last line it is the slope of the divergence, by which the actor's signal "
         "is multiplied. Four changes to a textbook method make it exactly a GAN (section 2.3 of the paper):"),
        _changes(),
        anchor="environment",
    )  # fmt: skip
    data = {name: said(value) for name, value in losses} | {"game": _game_data(cast.scaled), "stateless": world.stateless, "blind": world.blind}
    return Part(section, data)


def _changes() -> Any:
    eight, four, two = (show.link(f"theorem {k}", f"#theorem-{k}") for k in (8, 4, 2))
    bold = lambda words: show.element("b", words)    # noqa: E731
    return show.bullets(
        (bold("A blind actor. "), "Shown the state, it would copy it, and the problem would be trivial: ", eight, "."),
        (bold("A cross-entropy critic "), "in place of the mean squared Bellman residual. Its best value is the same, ",
         sp.Symbol("p") / (sp.Symbol("p") + sp.Symbol("q")), ": ", four, "."),
        (bold("A scaled signal. "), "An actor climbs Q; a generator climbs the critic's loss. The slope of the divergence is the factor between: ", two, "."),
        (bold("A mask. "), "The actor learns nothing when the real image is shown. Differentiated through the shown image this is automatic; "
         "with Q queried at the action itself, as in DPG, it is not: ", two, "."),
        ordered=True,
    )  # fmt: skip


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
        plainer, checks = _averaged(game), checked(game, made)
        blocks.append(show.section(
            title,
            show.paragraph("Simultaneous:"), _shown(made["simultaneous"]),
            show.paragraph("Alternating:"), _shown(made["alternating"]),
            *([show.paragraph("With the coin averaged out, the gradients are"), plainer] if plainer is not None else []),
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
    if not any(getattr(part, "name", "") == "y" for player in game.players.values() for part in sp.preorder_traversal(player.loss)):
        return None
    rows = [(component(v), "=", normal_form(value).expression) for v, value in game.field().items()]
    return show.equation_rows(rows, laws=False, width=70)


def checked(game: Game, made: dict[str, Any]) -> tuple[Any, ...]:
    """Every derived update against one numeric step of the rule, with gradients by JAX from the compiled losses."""
    try:
        from bilevel.numeric.check import check_update
    except ImportError:    # JAX is not there
        return ()
    return tuple(check_update(game, update.rule, text=name) for name, update in made.items())


def check_data(check: Any) -> dict[str, Any]:
    """A numeric check as data."""
    return {"text": check.text, "passed": check.passed, "differs": check.differs, "worst": float(check.worst),
            "tolerance": float(check.tolerance), "trials": check.trials, "dtype": check.dtype}  # fmt: skip


def _agreement(checks: tuple[Any, ...]) -> Any:
    """One line on both rules."""
    words = f"Checked in JAX, {listed(check.text for check in checks)}: the equations above against a step whose gradients come from automatic "
    words += f"differentiation of the losses; worst difference {power(max(check.worst for check in checks))}, "
    words += f"tolerance {power(min(check.tolerance for check in checks))}."
    return show.check(words, passed=all(check.passed for check in checks))
