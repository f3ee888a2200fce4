"""Small GANs and the regulator in samples: problems on which strategies are weighed.

Main definitions: `gan_in_samples`, `linear_quadratic_gan_in_samples`, `gaussian_gan_in_samples`,
`regulator_in_samples`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Finite, Normal
from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.models.samples import SampledGame, Samples, Stream, sampled_game
from bilevel.models.scores import score

_T, _Y = sp.Symbol("t", real=True), sp.Symbol("y", real=True)


def gan_in_samples(
    critic: Callable[..., Any] = lambda x, psi: psi * x,
    generator: Callable[..., Any] = lambda z, theta: theta,
    *,
    weights: Sequence[str] = ("psi",),
    parameters: Sequence[Any] = ("theta",),
    data: Any = None,
    noise: Any = None,
    f: str | Callable[[Any], Any] = "logistic",
    loss: str = "minimax",
    title: str | None = None,
    source: str = "",
) -> SampledGame:
    """Any GAN of scalar data with networks given by formulas; by default the Dirac-GAN.

    Math: max over the weights and min over the parameters of E f(-D(x)) + E f(D(G(z))), x of law `data` (default: the
        point 0), z of law `noise`; D = critic(x, *weights), G = generator(z, *parameters), f a score; with loss
        "non-saturating" the generator minimises -E f(-D(G(z))).

    Shapes: one number for each weight and parameter.

    Raises: GameError for an unknown loss.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661; Nagarajan and Kolter (2017), arXiv:1706.04156, equation 1.

    Examples:
        >>> game = gan_in_samples()
        >>> game.field()[game.variables[1]].subs({v: 0 for v in game.variables})
        0
    """
    if loss not in ("minimax", "non-saturating"):
        raise GameError(f"loss is 'minimax' or 'non-saturating'; got {loss!r}")
    f, (x, z) = score(f), sp.symbols("x z", real=True)
    w = tuple(sp.Symbol(name, real=True) for name in weights)
    theta = tuple(p if isinstance(p, sp.Symbol) else sp.Symbol(p, real=True) for p in parameters)
    past = tuple(sp.Symbol(f"{p.name}_past", **p._assumptions_orig) for p in theta)
    laws = {x: Finite((0,), (1,)) if data is None else data} | ({} if noise is None else {z: noise})
    made = expression(generator(z, *theta), "a generated point")
    real = sp.S.Zero if data is None else x
    again = made.xreplace(dict(zip(theta, past, strict=True)))
    entropy, density = _law_of(made, z, noise)
    samples = Samples(
        critic="discriminator",
        actor="generator",
        weights=w,
        parameters=theta,
        behaviour=past,
        value=sp.Lambda((_T,), expression(critic(_T, *w), "a critic")),
        divergence=sp.Lambda((_Y, _T), -(_Y * f(-_T) + (1 - _Y) * f(_T))),
        signal=sp.Lambda((_T,), f(_T) if loss == "minimax" else -f(-_T)),
        data=(Stream((real,), sp.S.One, kind="real"), Stream((again,), sp.S.Zero, kind="generated")),
        own=(Stream((made,), kind="generated"),),
        laws=laws,
        entropy=entropy,
        density=density,
    )
    return sampled_game(samples, title=title or ("Dirac-GAN" if data is noise is None else "GAN"), source=source)


def _law_of(made: Any, z: Any, noise: Any) -> tuple[Any, Any]:
    """Entropy and log density (up to constants) of a generated point that is affine in normal noise; None otherwise."""
    if not isinstance(noise, Normal) or not made.has(z) or sp.diff(made, z, 2) != 0:
        return None, None
    scale, shift = sp.diff(made, z), made.subs(z, 0)
    mean, variance = shift + scale * noise.mean, scale**2 * noise.variance
    density = -((_T - mean) ** 2) / (2 * variance) - sp.log(variance) / 2
    return sp.log(variance) / 2, sp.Lambda((_T,), density)


def linear_quadratic_gan_in_samples(
    variance: Any = 1, *, spread: bool = True, f: str | Callable[[Any], Any] = "wasserstein"
) -> SampledGame:
    """The linear-quadratic GAN: Gaussian data, a critic with a linear and a quadratic weight.

    Math: D(x) = w1 x + w2 x^2, x ~ N(0, s), G(z) = b + sigma z; without `spread` sigma = sqrt(s) is fixed.

    Shapes: four scalars, w1, w2, b, sigma.

    Reference: Nagarajan and Kolter (2017), arXiv:1706.04156, section 4.

    Examples:
        >>> [str(v) for v in linear_quadratic_gan_in_samples().variables]
        ['b', 'sigma', 'w1', 'w2']
    """
    s = expression(variance, "the variance of the data")
    sigma = sp.Symbol("sigma", positive=True)
    return gan_in_samples(
        lambda x, w1, w2: w1 * x + w2 * x**2,
        (lambda z, b, spread_: b + spread_ * z) if spread else (lambda z, b: b + sp.sqrt(s) * z),
        weights=("w1", "w2"),
        parameters=("b", sigma) if spread else ("b",),
        data=Normal(0, s),
        noise=Normal(0, 1),
        f=f,
        title="Linear-quadratic GAN",
        source="Nagarajan and Kolter 2017, arXiv:1706.04156",
    )


def gaussian_gan_in_samples(center: Any = 0, *, loss: str = "minimax") -> SampledGame:
    """The GAN that learns the mean of a Gaussian with a linear logit.

    Math: D(x) = phi_1 + phi_2 x, x ~ N(mu, 1), G(z) = theta + z.

    Shapes: three scalars theta, phi_1, phi_2; equilibrium theta = mu, phi = 0.

    Reference: Goodfellow et al. (2014), arXiv:1406.2661; Nagarajan and Kolter (2017), arXiv:1706.04156.

    Examples:
        >>> [str(v) for v in gaussian_gan_in_samples().variables]
        ['theta', 'phi_1', 'phi_2']
    """
    return gan_in_samples(
        lambda x, a, b: a + b * x,
        lambda z, theta: theta + z,
        weights=("phi_1", "phi_2"),
        data=Normal(expression(center, "the mean of the data"), 1),
        noise=Normal(0, 1),
        loss=loss,
        title="Gaussian GAN",
        source="Goodfellow et al. 2014, arXiv:1406.2661",
    )


def regulator_in_samples(system: Mapping[str, Any] | None = None) -> SampledGame:
    """An actor and a critic on the scalar linear-quadratic regulator.

    Math: s' = a s + b u, cost q s^2 + r u^2, data s ~ N(0, 1) and u = -k s + e, e ~ N(0, v); critic
        Q(s, u) = w1 s^2 + w2 s u + w3 u^2, semi-gradient on r + gamma Q(s', -k s'); actor: max over k of
        E Q(s, -k s). Equilibrium: the discounted Riccati gain; at the defaults a = b = r = v = 1, q = 3/2, gamma = 1/2
        it is k = 1/2, with w = (-5/2, -2, -2).

    Shapes: four scalars k, w1, w2, w3.

    Raises: GameError for an unknown entry of `system`.

    Reference: Fazel et al. (2018), arXiv:1801.05039; Bradtke (1993) for Q-learning on it.

    Examples:
        >>> [str(v) for v in regulator_in_samples().variables]
        ['k', 'w1', 'w2', 'w3']
    """
    chosen = {"a": 1, "b": 1, "q": "3/2", "r": 1, "v": 1, "gamma": "1/2"}
    if unknown := set(system or {}) - set(chosen):
        raise GameError(f"the regulator has {', '.join(chosen)}; got {', '.join(sorted(unknown))}")
    a, b, q, r, v, gamma = (expression(x, "a number") for x in (chosen | dict(system or {})).values())
    s, e, k, past, S, U = sp.symbols("s e k k_past S U", real=True)
    w = sp.symbols("w1:4", real=True)
    action = -past * s + e
    state = a * s + b * action
    samples = Samples(
        critic="critic",
        actor="actor",
        weights=w,
        parameters=(k,),
        behaviour=(past,),
        value=sp.Lambda((S, U), w[0] * S**2 + w[1] * S * U + w[2] * U**2),
        divergence=sp.Lambda((_Y, _T), (_Y - _T) ** 2 / 2),
        signal=sp.Lambda((_T,), -_T),
        data=(Stream((s, action), -(q * s**2 + r * action**2), later=((sp.S.One, (state, -k * state)),)),),
        own=(Stream((s, -k * s)),),
        laws={s: Normal(0, 1), e: Normal(0, v)},
        discount=gamma,
        entropy=sp.log(v) / 2,
        density=sp.Lambda((S, U), -((U + k * S) ** 2) / (2 * v)),
        seen=sp.Lambda((S, U), sp.Tuple(sp.S.One, S**2)),
    )
    return sampled_game(samples, title="Linear-quadratic regulator", source="Fazel et al. 2018, arXiv:1801.05039")
