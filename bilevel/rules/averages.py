"""Rules that average iterates, and rules that are pulled towards an average or an anchor.

Main definitions: `averaged`, `trailing`, `target_copies`, `historical`, `anchored`, `magnetic`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bilevel.language.errors import GameError
from bilevel.rules.protocol.constants import constant
from bilevel.rules.protocol.rule import Field, Rule, rule
from bilevel.rules.protocol.turns import blocks_of, ordered


@rule
def averaged(base: Any, every: Any = 5, weight: Any = "1/2") -> Rule:
    """Lookahead averaging: run a base rule for some steps, then go only part of the way.

    Math: fast = T^every (slow), slow <- slow + weight (fast - slow), T the base rule; its memory is carried through
        unaveraged.

    Shapes: one step is one round of `every` base steps. Without memory an eigenvalue mu of T becomes 1 + weight
        (mu^every - 1).

    Raises: GameError unless the base is a discrete rule and `every` a whole number of at least one.

    Reference: Zhang, Lucas, Ba, Hinton (2019), arXiv:1907.08610; Chavdarova et al. (2021), arXiv:2006.14567, for games.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import averaged, linearise, simultaneous
        >>> x, h, w = sp.symbols("x h w", real=True)
        >>> sp.factor(linearise(Game(a=minimize(x**2 / 2, x)), averaged(simultaneous(h), 2, w), {x: 0}).matrix[0] - 1)
        h*w*(h - 2)
    """
    _need_steps("averaged", base)
    if not every == int(every) or every < 1:
        raise GameError(f"averaged needs a whole number of base steps of at least 1; got {every}")

    def on(field: Field) -> Callable[..., Any]:
        advance = base.on(field)

        def round_trip(slow: Any, *memory: Any) -> Any:
            state = (slow, *memory)
            for _ in range(int(every)):
                state = advance(*state)
            return slow + weight * (state[0] - slow), *state[1:]

        return round_trip

    return Rule("averaged", (), on, "discrete", base.memory)


@rule
def trailing(base: Any, rate: Any) -> Rule:
    """A base rule with an exponential moving average of its iterates kept beside it; the average drives nothing.

    Math: z' = T(z), average' = average + rate (z' - average): n more eigenvalues, all 1 - rate.

    Shapes: per step.

    Raises: GameError unless the base is a discrete rule.

    Reference: Polyak and Juditsky (1992); Yazici et al. (2019), arXiv:1806.04498, for GANs.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import linearise, simultaneous, trailing
        >>> x, h, r = sp.symbols("x h r", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), trailing(simultaneous(h), r), {x: 0}).matrix
        Matrix([
        [   1 - h,     0],
        [-h*r + r, 1 - r]])
    """
    _need_steps("trailing", base)

    def on(field: Field) -> Callable[..., Any]:
        advance = base.on(field)

        def both(z: Any, *memory: Any) -> Any:
            *inner, average = memory
            after = advance(z, *inner)
            return *after, average + rate * (after[0] - average)

        return both

    return Rule("trailing", (), on, "discrete", (*base.memory, ("average", "same")))


@rule(memory=("target",))
def target_copies(
    step: Any, rate: Any, *, copied: Any = None, alternating: bool = False, order: Any = None
) -> Callable[[Field], Callable[..., Any]]:
    """Every player sees slowly following copies of the others instead of the others themselves.

    Math: z_i <- z_i - step F_i(z_i, target_j for copied j != i), then target <- target + rate (z' - target). `copied`
        lists the players seen through copies (default: all); rate 1 with simultaneous steps gives back simultaneous
        descent. With `alternating` players in `order` move one after another; a player seen through its copy is then
        seen after that moved.

    Shapes: per step; `step` and `rate` may differ between players.

    Raises: GameError if a copied player does not play.

    Reference: Mnih et al. (2015), target networks; Lillicrap et al. (2016), arXiv:1509.02971, for the moving copy.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import derive, target_copies
        >>> x, y, h, r = sp.symbols("x y h r", real=True)
        >>> step = derive(Game(a=minimize(x*y, x), b=maximize(x*y, y)), target_copies(h, r, copied=["b"]))
        >>> step.composed()
        {x: -h*y_target + x, y: h*x + y}
    """

    def on(field: Field) -> Callable[..., Any]:
        followed = field.players if copied is None else tuple(copied)
        if not set(followed) <= set(field.players):
            raise GameError(f"copied names {list(followed)}; the players are {', '.join(field.players)}")
        turns = [(name,) for name in ordered(field, order)] if alternating else [field.players]

        def advance(z: Any, target: Any) -> Any:
            for movers in turns:
                now = z
                for name in movers:
                    seen = blocks_of(target, [other for other in followed if other != name], now)
                    z = blocks_of(now - step * field(seen), (name,), z)
                target = blocks_of(target + rate * (z - target), movers, target)
            return z, target

        return advance

    return on


@rule
def historical(step: Any, weight: Any, *, rate: Any = None, window: Any = None) -> Rule:
    """Historical averaging: a gradient step with a pull towards the average of past points.

    Math: z' = z - step (F(z) + weight (z - average)), the gradient of c_i + weight/2 ||z_i - average_i||^2. The
        average is exponential, average' = average + rate (z' - average), or the mean of the last `window` points
        before z.

    Shapes: per step; `step`, `weight` and `rate` may differ between players.

    Raises: GameError unless exactly one of `rate` and `window` is given.

    Reference: Salimans et al. (2016), arXiv:1606.03498, section 3.3.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import historical, linearise
        >>> x, h, w = sp.symbols("x h w", real=True)
        >>> linearise(Game(a=minimize(x**2 / 2, x)), historical(h, w, window=1), {x: 0}).matrix
        Matrix([
        [-h*w - h + 1, h*w],
        [           1,   0]])
    """
    if (rate is None) == (window is None):
        raise GameError("historical needs either `rate` (an exponential average) or `window` (a number of past points)")
    if window is not None and (window != int(window) or window < 1):
        raise GameError(f"historical needs a window of at least 1 point; got {window}")

    def pulled(field: Field, z: Any, average: Any) -> Any:
        return z - step * (field(z) + weight * (z - average))

    def exponentially(field: Field) -> Callable[..., Any]:
        def advance(z: Any, average: Any) -> Any:
            after = pulled(field, z, average)
            return after, average + rate * (after - average)

        return advance

    def windowed(field: Field) -> Callable[..., Any]:
        def advance(z: Any, *past: Any) -> Any:
            total = past[0]
            for point in past[1:]:
                total = total + point
            return pulled(field, z, total / len(past)), z, *past[:-1]

        return advance

    if window is None:
        return Rule("historical", (), exponentially, "discrete", (("average", "same"),))
    names = ["previous", *(f"previous{k}" for k in range(2, int(window) + 1))]
    return Rule("historical", (), windowed, "discrete", tuple((name, "same") for name in names))


@rule
def anchored(step: Any, weight: Any, anchor: Any = None) -> Callable[[Field], Callable[..., Any]]:
    """Anchoring: a gradient step plus a pull towards a fixed point of reference.

    Math: z' = z - step F(z) + weight (anchor - z); fixed points solve step F = weight (anchor - z), so they move with
        the anchor.

    Shapes: per step; `anchor` is a table of values by variable or player; what is not named is anchored at 0.

    Raises: GameError if the anchor names no variable and no player of the game.

    Reference: Halpern (1967); Ryu, Yuan, Yin (2019), arXiv:1905.10899.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, minimize
        >>> from bilevel.rules import anchored, derive
        >>> x, h, w = sp.symbols("x h w", real=True)
        >>> derive(Game(a=minimize(x**2 / 2, x)), anchored(h, w, {"x": 1})).composed()
        {x: -h*x + w*(1 - x) + x}
    """
    return lambda field: lambda z: z - step * field(z) + weight * (constant(field, anchor, z) - z)


@rule
def magnetic(step: Any, weight: Any, anchor: Any = None) -> Callable[[Field], Callable[..., Any]]:
    """Magnetic mirror descent with the Euclidean distance: the pull towards the magnet is taken implicitly.

    Math: z' = (z - step F(z) + step weight anchor) / (1 + step weight), the minimiser of
        <F(z), w> + weight/2 ||w - anchor||^2 + 1/(2 step) ||w - z||^2.

    Shapes: per step; `anchor` is a table of values by variable or player; what is not named has its magnet at 0.

    Raises: GameError if the anchor names no variable and no player of the game.

    Reference: Sokota et al. (2023), arXiv:2206.05825.

    Examples:
        >>> import sympy as sp
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import linearise, magnetic
        >>> x, y, h, w = sp.symbols("x y h w", positive=True)
        >>> linearise(Game(a=minimize(x*y, x), b=maximize(x*y, y)), magnetic(h, w), {x: 0, y: 0}).matrix[1]
        -h/(h*w + 1)
    """
    return lambda field: (
        lambda z: (z - step * field(z) + (step * weight) * constant(field, anchor, z)) / (1 + step * weight)
    )


def _need_steps(name: str, base: Any) -> None:
    if not isinstance(base, Rule) or base.time != "discrete":
        raise GameError(f"{name} needs a rule that takes steps as its base, such as simultaneous(h); got {base}")
