"""The best energy-based critic is a switch, and its value is an overlap.

Pointwise, with energies of at least zero and margin m, the best critic of the energy-based GAN is 0 where the data's
density is larger than the generator's, and m where it is smaller; where they agree any energy from 0 to m does. Its
loss is then m min(p, q): in total m (1 - TV(p, q)), which the generator can raise to its largest value m only by p = q.

Source: Zhao, Mathieu, LeCun (2017), arXiv:1609.03126, lemma 1 and theorem 1.
"""

import sympy as sp

from bilevel.analysis import Proof, states
from bilevel.language.function_space import densities, pointwise_best_response


def prove() -> Proof:
    """The theorem with its evidence."""
    p, q = densities("p q")
    m, u = sp.Symbol("m", positive=True), sp.Symbol("D", real=True)
    best = pointwise_best_response(p * u + q * sp.Max(0, m - u), u, range="nonnegative")
    a = sp.Symbol("a", positive=True)
    places = {"larger": {p: q + a}, "smaller": {q: p + a}}
    value = {name: best.value.subs(place) for name, place in places.items()}
    loss = {name: sp.expand(best.value_at_best_response.subs(place)) for name, place in places.items()}
    tie = sp.expand(best.value_at_best_response.subs({p: q}))
    cases = ((q, q + a, q), (q + a, q, q), (q, q, q))
    claims = (
        states(
            "Where the data's density is larger the energy is 0, where it is smaller m.",
            value == {"larger": 0, "smaller": m},
            trace=best.trace,
        ),
        states(
            "The loss is m min(p, q).",
            loss == {"larger": sp.expand(m * q), "smaller": sp.expand(m * p)} and sp.expand(tie - m * q) == 0,
            trace=best.trace,
        ),
        states(
            "min(p, q) = (p + q - |p - q|)/2, so it sums to 1 - TV(p, q): at most 1, and 1 only at p = q.",
            all(sp.expand(small - (x + y - sp.Abs(x - y)) / 2) == 0 for x, y, small in cases),
            note="checked where p is smaller, larger, equal; |p - q| integrates to 2 TV",
        ),
    )
    return Proof(39, "The energy-based critic is a switch", __doc__ or "", "Zhao et al. 2017, theorem 1", claims)
