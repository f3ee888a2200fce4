"""Trust region: the actor pays for the divergence of its law from an earlier one.

Main definitions: `trust_region`.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.models.strategies.protocol.strategy import strategy
from bilevel.models.strategies.protocol.structure import copies, samples_of, with_costs, with_followers
from bilevel.rules import catalogue, replying, taking_turns
from bilevel.rules.protocol.rule import Rule


@strategy(
    row="Trust region (KL penalty)",
    variants=({}, {"steps": 1}, {"steps": 2}, {"step": "implicit"}),
    numbers={"weight": "1/2"},
)
def trust_region(weight: Any = None, steps: Any = None, step: str = "explicit") -> Any:
    """The actor pays for the Kullback-Leibler divergence of its law from that at the start of a round of steps, or from
    that one step ago.

    Math: weight KL(p(.; theta') || p(.; theta)), exact, over the actor's law as it draws (whatever other strategies do
        to what the critic is shown); weight/2 |theta - theta'|^2 where it has no density that is known. With `steps`
        k: theta' is where the round of k steps began, as in practice; its gradient vanishes there, so one step (and a
        flow) does not feel it, and k steps feel it through the Fisher matrix. Without: theta' is one step back, which
        every step feels. With step "implicit" the actor takes no gradient step but goes to where the gradient of its
        loss and price is zero, theta' being where it stands: at weight -> oo a natural gradient step of size
        1/weight, at weight -> 0 the reply to the critic. A flow has no steps and is left as it is.

    Raises: GameError for a round that is no whole number of steps, or both a round and an implicit step;
        UnknownAnswer for an implicit step where the actor takes several.

    Reference: Schulman et al. (2015), arXiv:1502.05477; Schulman et al. (2017), arXiv:1707.06347, section 4; Kakade
        (2001); Tomar et al. (2022), arXiv:2005.09814, for the implicit step.

    Examples:
        >>> from bilevel.models import gaussian_gan_in_samples
        >>> from bilevel.models.strategies import trust_region
        >>> from bilevel.rules import simultaneous
        >>> trust_region()(gaussian_gan_in_samples(), simultaneous("1/5"))[0].costs
        (('generator', weight*(theta**2/2 - theta*theta_before + theta_before**2/2)),)
    """
    if steps is not None and (steps != int(steps) or steps < 1):
        raise GameError(f"a round has a whole number of steps, at least one; got {steps}")
    if step not in ("explicit", "implicit") or (step == "implicit" and steps is not None):
        raise GameError(f"a step is 'explicit', or 'implicit' without a round of steps; got {step!r}, steps={steps}")

    def build(game: Any, rule: Any) -> Any:
        samples = samples_of(game, "trust_region")
        if steps is None and rule.time == "continuous":  # a flow has no steps: what lies one step back is where it is
            return game, rule
        copy = copies(game, samples.parameters, "before")
        aims = {c: p for p, c in copy.items()}
        if steps is not None and rule.time == "continuous":  # rounds of no length: the gradient at their start is zero
            return with_followers(game, rule, "before", aims, sp.S.One)
        paid = with_costs(game, {samples.actor: weight * _divergence(samples, copy)})
        if step == "implicit":
            return with_followers(paid, _implicit(rule, samples.actor), "before", aims, sp.S.One, ahead=True)
        if steps is None:
            return with_followers(paid, rule, "before", aims, sp.S.One, first=True)
        return with_followers(paid, rule, "before", aims, sp.S.One, every=steps)

    return build, "the divergence of laws; of a law without a known density, half the squared distance of parameters"


def _implicit(rule: Rule, actor: str) -> Rule:
    """The rule under which the actor goes to its reply at once."""
    arguments = dict(rule.parameters)
    if rule.name == "followed":
        return catalogue()["followed"](**arguments | {"base": _implicit(arguments["base"], actor)})
    if rule.name != "alternating":
        return replying(rule, [actor])
    if arguments.get("repeats", 1) != 1:
        raise UnknownAnswer("an implicit step of an actor that takes several", next_step="use a rule without repeats")
    return taking_turns(replying(catalogue()["simultaneous"](arguments["step"]), [actor]), order=arguments.get("order"))


def _divergence(samples: Any, copy: dict[Any, Any]) -> Any:
    """E log p(x; theta') - log p(x; theta), x of the law at theta'."""
    if samples.drawn is None:
        return sum(((p - c) ** 2 for p, c in copy.items()), sp.S.Zero) / 2
    density, data = samples.drawn
    then = {b: copy[p] for b, p in zip(samples.behaviour, samples.parameters, strict=True)}
    total = sp.S.Zero
    for stream in data:
        entries = (stream.weight, *stream.shown)
        if any(entry.free_symbols & set(then) for entry in entries):
            now = density(*stream.shown)
            gap = (now.xreplace(copy) - now).xreplace(then)
            total += stream.weight.xreplace(then) * samples.average(sp.expand(gap))
    return total
