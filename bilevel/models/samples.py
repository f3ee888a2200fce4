"""An actor and a critic, written by what the critic is shown: the form that GANs and actor-critic methods share.

Main definitions: `Stream`, `Samples`, `SampledGame`, `sampled_game`, `ChangedGame`.

Notation: a critic with weights w gives a value to what it is shown; it learns a label (a reward) there, plus the
discounted value of what comes next, held fixed. An actor with parameters theta makes what is shown, or decides how
often it is. A GAN shows data under label 1 and generated points under label 0; a decision process shows states and
actions under their rewards. Strategies act on these parts, so they act on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language.errors import GameError
from bilevel.language.mean import mean
from bilevel.language.nodes import stop_gradient
from bilevel.models.charts import Chart


@dataclass(frozen=True)
class Stream:
    """Points that are shown, how probable they are, their label, and what comes next.

    Math: with weight p: the point `shown` (random through the symbols of the laws), label y, and next points x'_j with
        probabilities p_j, of which the bootstrapped part of the target is discount sum_j p_j Q(x'_j). Streams of one
        `kind` are one law, each with the share of its weight: batches are drawn from a kind; `batch` is the size of
        the one the point already stands in.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> Stream((sp.Integer(1),), label=sp.Integer(1)).weight
        1
    """

    shown: tuple[Any, ...]
    label: Any = sp.S.Zero
    weight: Any = sp.S.One
    later: tuple[tuple[Any, tuple[Any, ...]], ...] = ()
    kind: str = ""
    batch: int = 1


@dataclass(frozen=True)
class Samples:
    """All parts of an actor and a critic.

    Math: critic: min over w of sum over `data` of p E d(y + discount Q(x'), Q(x)), d = `divergence` and Q = `value`;
        actor: min over theta of sum over `own` of p E signal(Q(x)). In the data theta stands as `behaviour`, the
        parameters when the data were made: theta itself unless a strategy says otherwise. `held` stands for w in the
        bootstrapped part. `entropy` is that of the actor's law and `density` its log density at a point shown (up to
        a constant), where they are known; `law` keeps density and data as the actor drew them, where strategies have
        changed what is shown since; `seen` are features of what the actor sees there (the state), on which a
        baseline may depend.

    Shapes: `value` takes as many numbers as a point has; losses are averages over the laws of the random symbols.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equations 6 to 10 and section 2.3.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> gan_in_samples().samples.critic
        'discriminator'
    """

    critic: str
    actor: str
    weights: tuple[Any, ...]
    parameters: tuple[Any, ...]
    behaviour: tuple[Any, ...]
    value: sp.Lambda
    divergence: sp.Lambda
    signal: sp.Lambda
    data: tuple[Stream, ...]
    own: tuple[Stream, ...]
    laws: Mapping[Any, Any] = field(default_factory=dict)
    discount: Any = sp.S.Zero
    held: tuple[Any, ...] | None = None
    entropy: Any = None
    density: sp.Lambda | None = None
    seen: sp.Lambda | None = None
    frozen: tuple[tuple[Any, Any], ...] = ()
    law: tuple[sp.Lambda, tuple[Stream, ...]] | None = None
    chart: Chart | None = None  # the weights as they are used, where a strategy has changed variables
    batched: Any = None  # how the points came to stand in batches; see `in_batches`
    tags: int = 0  # the last inputs of `value` that strategies have added to a point: no coordinates of it

    @property
    def coordinates(self) -> tuple[Any, ...]:
        """The inputs of the value that are coordinates of the point."""
        return tuple(self.value.variables)[: len(self.value.variables) - self.tags]

    @property
    def drawn(self) -> tuple[sp.Lambda, tuple[Stream, ...]] | None:
        """The actor's log density with the data it is a density of; None where it is not known."""
        return self.law or (None if self.density is None else (self.density, self.data))

    @property
    def score(self) -> sp.Lambda | None:
        """The slope of the log density in the actor's parameters, at a point shown; None where it is not known."""
        if self.density is None:
            return None
        slopes = (sp.diff(self.density.expr, p) for p in self.parameters)
        return sp.Lambda(self.density.variables, sp.Tuple(*slopes))

    def average(self, body: Any) -> Any:
        """The average over the random symbols that occur in an expression."""
        drawn = {symbol: law for symbol, law in self.laws.items() if symbol in body.free_symbols}
        kinks = {kink: sp.Abs(sp.factor(kink.args[0])) for kink in body.atoms(sp.Abs) if kink.free_symbols & set(drawn)}
        return mean(body.xreplace(kinks), drawn) if drawn else body  # |s^2 w| is s^2 |w|: what is random comes out

    def losses(self) -> tuple[Any, Any]:
        """The critic's loss and the actor's, both to be minimised."""
        ahead = tuple(sp.Symbol(f"{w.name}_ahead", real=True) for w in self.weights)
        then = dict(zip(self.weights, ahead, strict=True))
        critic = sp.S.Zero
        for stream in self.data:
            next_value = sum((p * self.value(*x).xreplace(then) for p, x in stream.later), sp.S.Zero)
            body = self.divergence(stream.label + self.discount * next_value, self.value(*stream.shown))
            critic += stream.weight * self.average(body)
        now = dict(zip(self.behaviour, self.parameters, strict=True))
        held = self.held or tuple(map(stop_gradient, self.weights))
        critic = critic.xreplace(now).xreplace(dict(zip(ahead, held, strict=True))).xreplace(dict(self.frozen))
        actor = sum((s.weight * self.average(self.signal(self.value(*s.shown))) for s in self.own), sp.S.Zero)
        return critic, actor.xreplace(dict(self.frozen))

    def with_law(self, name: str, law: Any) -> tuple[Samples, Any]:
        """The same with one more independent random symbol, of a name that is free."""
        taken = {str(symbol) for symbol in self.laws}
        while name in taken:
            name += "_"
        symbol = sp.Symbol(name, real=True)
        return replace(self, laws={**self.laws, symbol: law}), symbol


class ChangedGame(Game):
    """A game in which a player may have nothing left to learn from: a strategy may take that away.

    Math: as `Game`; the gradient of a player whose loss does not depend on its moves is zero.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 3.1, on players that are frozen.

    Examples:
        >>> from bilevel.game import minimize
        >>> x = sp.Symbol("x", real=True)
        >>> ChangedGame(idle=minimize(sp.Integer(1), x)).field()
        {x: 0}
    """

    def _check_variables(self) -> None:
        """A strategy may take away all that a player's loss depended on: its gradient is then zero."""
        names = [str(variable) for player in self.players.values() for variable in player.moves]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise GameError(f"two variables are called {', '.join(doubled)}; rename one of them")


class SampledGame(ChangedGame):
    """A game that still knows what its critic is shown.

    Math: the losses of `samples`, plus costs that strategies add to a player's loss, plus players they add.

    Shapes: scalars.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 2.3.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> isinstance(gan_in_samples(), Game)
        True
    """

    samples: Samples
    costs: tuple[tuple[str, Any], ...]
    others: tuple[tuple[str, Player], ...]
    through: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]

    def changed(
        self,
        samples: Samples | None = None,
        *,
        costs: Iterable[tuple[str, Any]] = (),
        others: Iterable[tuple[str, Player]] = (),
        through: Iterable[tuple[str, tuple[tuple[str, Any], ...]]] = (),
    ) -> SampledGame:
        """The same game of other samples, with further costs, players and replies."""
        return sampled_game(
            samples or self.samples,
            costs=(*self.costs, *costs),
            others=(*self.others, *others),
            through=(*self.through, *through),
            assuming=self.assuming,
            title=self.title,
            source=self.source,
        )


def sampled_game(
    samples: Samples,
    *,
    costs: Iterable[tuple[str, Any]] = (),
    others: Iterable[tuple[str, Player]] = (),
    through: Iterable[tuple[str, tuple[tuple[str, Any], ...]]] = (),
    assuming: Iterable[Any] = (),
    title: str = "",
    source: str = "",
) -> SampledGame:
    """The game of an actor and a critic given by samples.

    Math: critic and actor minimise the losses of `samples` plus their `costs`; `others` play beside them.

    Raises: GameError if a cost names nobody.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, equations 6 to 10.

    Examples:
        >>> from bilevel.models import gan_in_samples
        >>> sampled_game(gan_in_samples().samples).variables
        (theta, psi)
    """
    critic, actor = samples.losses()
    players = {
        samples.actor: Player(samples.parameters, actor),
        samples.critic: Player(samples.weights, critic),
        **dict(others),
    }
    for name, cost in costs:
        if name not in players:
            raise GameError(f"a cost is added for {name!r}; the players are {', '.join(players)}")
        players[name] = replace(players[name], loss=players[name].loss + cost)
    for name, replies in through:
        players[name] = replace(players[name], through=replies)
    game = SampledGame(players, assuming=assuming, title=title, source=source)
    for name, value in (("samples", samples), ("costs", tuple(costs)), ("others", tuple(others))):
        object.__setattr__(game, name, value)
    object.__setattr__(game, "through", tuple(through))
    return game
