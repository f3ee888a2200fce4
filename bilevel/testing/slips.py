"""Slips that people make when they write an update down, as changes of the derived one.

Main definitions: `mutants`, `FAMILIES`.

Each family is a function from an update to named mutants; adding one is adding a function to `FAMILIES`. A change is
made where the slip is made: in a loss, in the field, in the rule's parameters, or in the order of play; the update is
then derived anew, so that a slip in F shows wherever the rule evaluates F.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bilevel.language.errors import BilevelError
from bilevel.rules.protocol.update import Update
from bilevel.testing import slips_of_losses, slips_of_parts, slips_of_rules
from bilevel.testing.mutant import Mutant

__all__ = ["mutants"]

FAMILIES: tuple[Callable[[Update], Iterator[Mutant]], ...] = (
    slips_of_losses.signs,
    slips_of_losses.factors,
    slips_of_losses.stops,
    slips_of_rules.order_of_play,
    slips_of_losses.transposes,
    slips_of_losses.field_terms,
    slips_of_losses.stops_too_many,
    slips_of_rules.parameters,
    slips_of_losses.other_losses,
    slips_of_losses.loss_terms,
    slips_of_parts.memories,
    slips_of_parts.inner_terms,
    slips_of_parts.inner_factors,
    slips_of_parts.other_parameters,
    slips_of_parts.chain_factors,
    slips_of_rules.lines,
)

#: What a mutant may raise when it makes no sense (a momentum that must be a number, a reply that has no solution).
UNFIT = (BilevelError, ValueError, TypeError, NotImplementedError, KeyError, ZeroDivisionError)


def mutants(update: Update) -> Iterator[Mutant]:
    """Every slip that is recognised, the likeliest first.

    Math: signs and factors of gradients and of their terms; stop-gradients too few or too many; old values in place
        of new ones and the other way round; another player's loss or step size; J in place of its transpose; a term or
        a factor of a loss or a gradient left out, a wrong power, one parameter in place of another; a parameter of the
        rule left out; a target copied too early, too late or never.

    Reference: DeMillo, Lipton, Sayward (1978), Hints on test data selection.

    Examples:
        >>> from bilevel.models import bilinear_game
        >>> from bilevel.rules import alternating, derive
        >>> names = [slip.name for slip in mutants(derive(bilinear_game(), alternating("1/10")))]
        >>> "old values: simultaneous in place of alternating" in names
        True
    """
    for family in FAMILIES:
        yield from family(update)
