"""What a stabilising strategy is, and the decorator that makes one.

Main definitions: `Strategy` (frozen data), `strategy` (decorator), `identity`, `Row`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.rule import Rule, bare, exact

Pair = tuple[Any, Rule]


class NotApplicable(GameError):
    """The game holds nothing that the strategy acts on; the message says what was looked for and what is there."""


@dataclass(frozen=True)
class Strategy:
    """A map from game and rule to game and rule.

    Math: S: (game, rule) -> (game', rule'); `a | b` is a first, then b. `model` says what stands in for the strategy
        where it is not taken as it is ("" where it is exact).

    Shapes: variables may be added (copies, averages); those of the game keep their names.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, section 3.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> from bilevel.models.strategies import historical_averaging
        >>> from bilevel.rules import simultaneous
        >>> game, rule = historical_averaging("1/2", "1/10")(dirac_gan(), simultaneous("1/5"))
        >>> [*game.players], rule.name
        (['generator', 'discriminator', 'average'], 'followed')
    """

    name: str
    parameters: tuple[tuple[str, Any], ...]
    build: Callable[[Any, Rule], Pair]
    model: str = ""

    def __call__(self, game: Any, rule: Rule | None = None) -> Pair:
        """The game and the rule that the strategy makes of these (default rule: the gradient flow)."""
        if not getattr(game, "is_coordinate", False) or not hasattr(game, "with_players"):
            raise GameError(f"{self.name} acts on a game of scalar variables; instantiate a model-level game first")
        return self.build(game, rule or default_rule(game))

    def __or__(self, other: Strategy) -> Strategy:
        """This strategy first, then the other."""
        if not isinstance(other, Strategy):
            raise GameError(f"a strategy is followed by a strategy; got {other!r}")
        joint = "; ".join(filter(None, (self.model, other.model)))
        names = (*self.parameters, *other.parameters)
        return Strategy(f"{self.name} | {other.name}", names, lambda g, r: other(*self(g, r)), joint)

    @property
    def symbols(self) -> frozenset[sp.Symbol]:
        """Free symbols of the parameters."""
        return frozenset(s for _, value in self.parameters if isinstance(value, sp.Basic) for s in value.free_symbols)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.parameters)})"


@dataclass(frozen=True)
class Row:
    """A strategy's line in the table: its title, what the paper prints for GANs and for actor-critic methods (None
    beyond the paper's nine), the variants to be weighed, numbers at which rates are compared, whether what it adds is
    an output that nobody is meant to learn from, and what the paper remarks on it for a side ("gan", "ac")."""

    title: str
    printed: tuple[str, str] | None = None
    variants: tuple[Mapping[str, Any], ...] = ({},)
    numbers: tuple[tuple[str, Any], ...] = ()
    output: bool = False
    remarks: tuple[tuple[str, str], ...] = ()


def strategy(
    *,
    row: str,
    printed: tuple[str, str] | None = None,
    variants: tuple[Mapping[str, Any], ...] = ({},),
    numbers: Mapping[str, Any] | None = None,
    output: bool = False,
    remarks: Mapping[str, str] | None = None,
) -> Any:
    """Turn `def my_strategy(strength=None): ...` into a maker of strategies, with its line in the table.

    Math: the function returns build(game, rule) -> (game', rule'), or that and the name of the model it is exact for.
        A parameter that is None and named in `numbers` becomes a positive symbol of that name; `numbers` are the values
        at which rates are compared; `remarks` what the paper says of it for "gan" and "ac", shown beside what is
        derived.

    Raises: GameError if a parameter is neither a number, an expression, nor text of one.

    Reference: Pfau and Vinyals (2016), arXiv:1610.01945, table 1.

    Examples:
        >>> @strategy(row="Weight decay", numbers={"weight": "1/2"})
        ... def weight_decay(weight=None):
        ...     def build(game, rule):
        ...         cost = {n: weight * sum(v**2 for v in p.moves) / 2 for n, p in game.players.items()}
        ...         return with_costs(game, cost), rule
        ...     return build
        >>> str(weight_decay("1/10"))
        'weight_decay(weight=1/10)'
    """
    values = dict(numbers or {})

    def decorate(function: Callable[..., Any]) -> Callable[..., Strategy]:
        signature = inspect.signature(function)
        words = {k for k, p in signature.parameters.items() if p.annotation in (str, "str", "str | None")}

        @functools.wraps(function)
        def make(*args: Any, **kwargs: Any) -> Strategy:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as problem:
                raise GameError(f"strategy {function.__name__}{bare(signature)}: {problem}") from None
            bound.apply_defaults()
            for key, value in bound.arguments.items():
                if value is None and key in values:
                    bound.arguments[key] = sp.Symbol(key, positive=True)
                elif key not in words:
                    bound.arguments[key] = exact(value, f"{function.__name__}: {key}")
            built = function(*bound.args, **bound.kwargs)
            build, model = built if isinstance(built, tuple) else (built, "")
            shown = tuple((key, value) for key, value in bound.arguments.items() if value is not None)
            return Strategy(function.__name__, shown, build, model)

        make.row = Row(row, printed, variants, tuple(values.items()), output, tuple((remarks or {}).items()))  # type: ignore[attr-defined]
        return make

    return decorate


def identity() -> Strategy:
    """The strategy that changes nothing.

    Math: S(game, rule) = (game, rule); the unit of `|`.

    Reference: Mac Lane (1998), Categories for the Working Mathematician, section I.1.

    Examples:
        >>> from bilevel.models import dirac_gan
        >>> identity()(dirac_gan())[0] == dirac_gan()
        True
    """
    return Strategy("identity", (), lambda game, rule: (game, rule))
