"""The first part of the report: both definitions as the paper writes them, and the environment that joins them.

Main definitions: `definitions`, `environment` (the sections).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel import show
from bilevel.app.report_cast import Cast
from bilevel.app.report_parts import Part, called, letter, said, shortened, tidy, where
from bilevel.game import Game
from bilevel.language import data, network, random, vector
from bilevel.language.expectation import Expectation
from bilevel.models import gan_environment
from bilevel.show.mathml_printer import inside


def definitions(cast: Cast) -> Part:
    """The two problems side by side, their losses read off the objects."""
    bilevel_form = (
        "Both are bilevel problems, (1) and (2) of the paper: ", sp.Symbol("x"), " minimises ", called("F", "x", "y"),
        " where ", sp.Symbol("y"), " minimises ", called("f", "x", "y"), "; ", sp.Symbol("x"), " is D or Q, ",
        sp.Symbol("y"), " is G or π. Each side is written once, as the losses of players; everything below is derived "
        "from these objects.",
    )  # fmt: skip
    section = show.section(
        "The two definitions",
        bilevel_form,
        show.columns(_adversarial(cast), _method(cast)),
        show.bullets(*_remarks()),
        anchor="definitions",
    )
    losses = {
        "gan minimax": _game_data(cast.minimax),
        "gan non-saturating": _game_data(cast.non_saturating),
        "gan labelled": _game_data(cast.labelled),
        "actor-critic general": _game_data(cast.general),
    }
    return Part(section, losses)


def _adversarial(cast: Cast) -> tuple[Any, ...]:
    """Equations (3) to (5)."""
    return (
        "Generative adversarial network",
        ("Real images ", sp.Symbol("w"), " with law ", sp.Symbol("p_data"), ", noise ", sp.Symbol("z"),
         " ∼ 𝒩(0, I); a generator ", sp.Symbol("G"), " with weights ", sp.Symbol("theta"),
         " makes images, a discriminator ", sp.Symbol("D"), " with weights ", sp.Symbol("phi"),
         " says how probably an image is real."),
        show.paragraph("In one line, with the label y = 1 for real images and y = 0 for made ones:"),
        _labelled(cast),
        show.paragraph("Discriminator, the upper level, minimises"),
        _loss(called("F", "D", "G"), cast.minimax.cost("discriminator"), "4"),
        show.paragraph("Generator, the lower level, minimises the loss used in practice (non-saturating)"),
        _loss(called("f", "D", "G"), cast.non_saturating.cost("generator"), "5"),
        show.paragraph("or, in the minimax form of (3), f = −F:"),
        _loss(called("f", "D", "G"), _minus(cast.minimax["generator"].loss), ""),
    )  # fmt: skip


def _method(cast: Cast) -> tuple[Any, ...]:
    """Equations (6) to (10)."""
    critic_loss, actor_loss = (_with_actions(tidy(cast.general.cost(name))) for name in ("critic", "actor"))
    return (
        "Actor-critic method",
        ("States ", sp.Symbol("s_t"), " ∼ p, actions ", sp.Symbol("a_t"), ", rewards ", sp.Symbol("r_t"), " ∼ R, ",
         "next states ", sp.Symbol("s_prime"), " ∼ P, discount ", sp.Symbol("gamma"), "; an actor ", sp.Symbol("pi"),
         " with weights ",
         sp.Symbol("theta"), " chooses actions, a critic ", sp.Symbol("Q"), " with weights ", sp.Symbol("phi"),
         " estimates the return:"),
        _value(),
        show.paragraph("Critic, the upper level, minimises, for any divergence Δ(target ‖ estimate),"),
        _loss(called("F", "Q", "pi"), critic_loss, "9"),
        show.paragraph("which is (8) at its minimum over Q. Actor, the lower level, minimises"),
        _loss(called("f", "Q", "pi"), actor_loss, "10"),
        ("with ", vector("a_t", "n"), " = ", _acts("s_t"), " and ",
         vector("a_prime", "n"), " = ", _acts("s_prime"), "."),
        show.paragraph("The best actor under the true values is the paper's (7). The gradient reaches the actor "
                       "through Q, as in DPG; for SVG(0) the actor has noise as a further argument."),
    )  # fmt: skip


def _acts(state: str) -> Any:
    """pi(s, theta)"""
    return network("pi", out="n")(random(state, data("p", "k")), vector("theta", "p"))


def _with_actions(loss: Any) -> Any:
    """The loss with a_t and a' for what the actor does."""
    names = {"s_t": "a_t", "s_prime": "a_prime"}
    calls = [
        call for call in sp.preorder_traversal(loss) if getattr(getattr(call, "network", None), "name", "") == "pi"
    ]
    return loss.xreplace({call: vector(names[call.arguments[0].name], "n") for call in calls})


def _remarks() -> tuple[Any, ...]:
    return (
        "Numbers in brackets are the paper's. Networks have any form, weights and spaces any dimension.",
        "With a fair label, the first line of (3) is half of its second line, −F. The factor matters for "
        "equality, not for the game.",
        "The paper's (6) counts rewards from k = 1, its (8) from k = 0; here the return starts at k = 0, which "
        "makes the two agree.",
        "(9) keeps the average over the next step inside the divergence, as printed, and Q stands in it twice: "
        "its own gradient is the "
        "residual gradient. Algorithms stop the gradient of the target (semi-gradient) or freeze a copy of Q "
        "there (target network). "
        "All three are modes of the model.",
        (
            "(10) as printed has the true value of the policy; as algorithms do, the current critic stands there "
            "and is held fixed. The law "
            "p of the states under which the actor's loss is taken (start law, discounted occupancy, replay) is "
            "a parameter."
        ),
    )


def _labelled(cast: Cast) -> Any:
    """E[y log D(o) + (1 - y) log(1 - D(o))], the first line of (3)."""
    loss, images = shortened(cast.labelled.cost("discriminator"))
    words = [
        show.element("munder", show.element("mi", word), show.element("mi", below))
        for word, below in (("min", "G"), ("max", "D"))
    ]
    best = show.element(
        "mrow", words[0], show.element("mspace", width="0.2em"), words[1], show.element("mspace", width="0.2em")
    )
    return show.join(show.equation((best, _minus(loss)), label="3", laws=False), where(images))


def _minus(expression: Any) -> Any:
    """The negative, with the sign taken into every average."""
    if isinstance(expression, Expectation):
        return expression.func(_minus(expression.body), *expression.variables)
    return sp.Add(*(_minus(term) for term in expression.args)) if isinstance(expression, sp.Add) else -expression


def _value() -> Any:
    gamma, k = sp.Symbol("gamma", nonnegative=True), sp.Symbol("k", integer=True)
    total = sp.Sum(gamma**k * sp.Symbol("r_t+k"), (k, 0, sp.oo))
    given = show.element(
        "mrow", *(letter(sp.Symbol(name)) for name in ("s_t",)), show.element("mo", ","), letter(sp.Symbol("a_t"))
    )
    body = show.element(
        "mrow",
        show.element("mi", "𝔼"),
        show.element("mo", "["),
        inside(total),
        show.element("mo", "|"),
        given,
        show.element("mo", "]"),
    )
    return show.equation_rows(
        [(inside(sp.Function("Q__pi")(sp.Symbol("s_t"), sp.Symbol("a_t"))), "=", body)], label="6"
    )


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
    losses = [
        ("Critic's loss", shortened(tidy(cast.plain.cost("critic")))[0]),
        ("Actor's loss, climbing Q", shortened(tidy(cast.plain.cost("actor")))[0]),
        ("Actor's loss, scaled", shortened(tidy(cast.scaled.cost("actor")))[0]),
    ]
    section = show.section(
        "The environment in which an actor-critic method is a GAN",
        "A coin decides whether the critic is shown the actor's image or a real one; the reward says which. This "
        "is an ordinary Markov "
        "decision process with observation maps, handed to the ordinary actor-critic model.",
        show.table(["Part", "In this environment"], _facts(cast, world)),
        "With the cross-entropy divergence the losses (9) and (10) become",
        *(show.equation_rows([(words, "=", loss)], laws=False, width=60) for words, loss in losses),
        ("where sg( ) is held constant by every derivative: in the last line it is the slope of the divergence, "
         "by which the actor's signal "
         "is multiplied. Four changes to a textbook method make it exactly a GAN (section 2.3 of the paper):"),
        _changes(),
        anchor="environment",
    )  # fmt: skip
    data = {name: said(value) for name, value in losses} | {
        "game": _game_data(cast.scaled),
        "stateless": world.stateless,
        "blind": world.blind,
    }
    return Part(section, data)


def _facts(cast: Cast, world: Any) -> list[tuple[str, Any]]:
    """The parts of the environment, read off the object."""
    (shown,) = world.critic_sees
    return [
        ("State", (world.state, " ∼ ", world.state.law, ", a real image, drawn anew each time")),
        (
            "Action",
            (world.action, " = ", cast.plain_action, ", all pixels of an image, ", sp.Symbol("z"), " ∼ 𝒩(0, I)"),
        ),
        ("Coin", (world.reward, " is 1 with probability 1/2, else 0")),
        ("Critic sees", ("o = ", shown, ", the real image or the actor's")),
        ("Actor sees", "nothing: it is blind" if world.blind else "the state"),
        ("Reward", (world.reward, ": 1 if the real image was shown")),
        ("Next state", "an independent draw: the process is stateless" if world.stateless else "depends on the action"),
        ("Discount", world.discount),
    ]


def _changes() -> Any:
    eight, four, two = (show.link(f"theorem {k}", f"#theorem-{k}") for k in (8, 4, 2))
    bold = lambda words: show.element("b", words)
    return show.bullets(
        (bold("A blind actor. "), "Shown the state, it would copy it, and the problem would be trivial: ", eight, "."),
        (bold("A cross-entropy critic "), "in place of the mean squared Bellman residual. Its best value is the same, ",
         sp.Symbol("p") / (sp.Symbol("p") + sp.Symbol("q")), ": ", four, "."),
        (bold("A scaled signal. "), "An actor climbs Q; a generator climbs the critic's loss. The slope of the "
                                    "divergence is the factor between: ", two, "."),
        (bold("A mask. "), "The actor learns nothing when the real image is shown. Differentiated through the "
                           "shown image this is automatic; "
         "with Q queried at the action itself, as in DPG, it is not: ", two, "."),
        ordered=True,
    )  # fmt: skip
