"""Small GANs and actor-critic methods in samples: the problems on which strategies are weighed.

Main definitions: `gan_in_samples`, `linear_quadratic_gan_in_samples`, `gaussian_gan_in_samples`, `bandit_in_samples`,
`two_states_in_samples`, `regulator_in_samples`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from bilevel.language.coordinate_laws import Finite, Normal
from bilevel.language.errors import GameError
from bilevel.language.functions import softplus
from bilevel.language.values import expression
from bilevel.models.finite_processes import FiniteMDP, softmax
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


def finite_process_in_samples(mdp: FiniteMDP, *, beta: Any = 1, visits: Sequence[Any] | None = None) -> SampledGame:
    """An actor with softmax logits and a critic with a value for each state and action, in any finite process.

    Math: data: states with the law `visits` (default: all equally often), actions from the policy; critic: min of
        E (r + gamma sum P(s'|s,a) pi(a'|s') Q(s', a') - Q(s, a))^2/2, the target held fixed (semi-gradient, expected
        SARSA); actor: max of E [sum_a pi(a|s) Q(s, a) + beta H(pi(.|s))].

    Shapes: n (m - 1) logits, n m values.

    Reference: Sutton and Barto (2018), chapters 6 and 13; Williams and Peng (1991) for the entropy bonus.

    Examples:
        >>> one = FiniteMDP((sp.eye(1), sp.eye(1)), sp.Matrix([[1, 0]]), 0, (1,))
        >>> len(finite_process_in_samples(one).variables)
        3
    """
    n, m = mdp.states, mdp.actions
    d = [sp.Rational(1, n)] * n if visits is None else [expression(p, "a probability") for p in visits]
    logits = [[_named("theta", s, a, n, m - 1) for a in range(m - 1)] for s in range(n)]
    past = [[sp.Symbol(f"{v.name}_past", real=True) for v in row] for row in logits]
    values = [[_named("q", s, a, n, m) for a in range(m)] for s in range(n)]
    pi, old = (sp.Matrix.vstack(*map(softmax, rows)) for rows in (logits, past))
    inputs = sp.symbols(f"e1:{n * m + 1}", real=True)
    hot = {(s, a): tuple(sp.Integer(k == s * m + a) for k in range(n * m)) for s in range(n) for a in range(m)}
    flat = [q for row in values for q in row]
    moved = tuple(v for row in logits for v in row)

    def later(s: int, a: int) -> tuple[Any, ...]:
        chances = [(t, b, mdp.transitions[a][s, t] * pi[t, b]) for t in range(n) for b in range(m)]
        return () if mdp.discount == 0 else tuple((p, hot[t, b]) for t, b, p in chances if p != 0)

    data = [Stream(hot[s, a], mdp.rewards[s, a], d[s] * old[s, a], later(s, a)) for s, a in hot]
    own = [Stream(hot[s, a], sp.S.Zero, d[s] * pi[s, a]) for s, a in hot]
    entropy = sum((d[s] * _entropy(logits[s], list(pi.row(s))) for s in range(n)), sp.S.Zero)
    density = sum((e * sp.log(pi[s, a]) for e, (s, a) in zip(inputs, hot, strict=True)), sp.S.Zero)
    samples = Samples(
        critic="critic",
        actor="actor",
        weights=tuple(flat),
        parameters=moved,
        behaviour=tuple(v for row in past for v in row),
        value=sp.Lambda(inputs, sum((q * e for q, e in zip(flat, inputs, strict=True)), sp.S.Zero)),
        divergence=sp.Lambda((_Y, _T), (_Y - _T) ** 2 / 2),
        signal=sp.Lambda((_T,), -_T),
        data=tuple(data),
        own=tuple(own),
        discount=sp.sympify(mdp.discount, strict=True),
        entropy=entropy,
        density=sp.Lambda(inputs, density),
    )
    weight = expression(beta, "the weight of the entropy")
    return sampled_game(samples, costs=[("actor", -weight * entropy)] if weight != 0 else [], title="Finite process")


def _named(stem: str, s: int, a: int, states: int, per_state: int) -> Any:
    parts = [stem, *([str(s + 1)] if states > 1 else []), *([str(a + 1)] if per_state > 1 else [])]
    name = f"{stem}{a + 1}" if states == 1 and per_state > 1 else "_".join(parts)
    return sp.Symbol(name, real=True)


def _entropy(logits: Sequence[Any], chances: Sequence[Any]) -> Any:
    """H of a softmax law with last logit 0: log sum exp(l) - sum p l."""
    total = softplus(logits[0]) if len(logits) == 1 else sp.log(1 + sum(map(sp.exp, logits)))
    return total - sum((p * v for p, v in zip(chances, logits, strict=False)), sp.S.Zero)


def _titled(game: SampledGame, title: str, source: str) -> SampledGame:
    return sampled_game(game.samples, costs=game.costs, title=title, source=source)


def bandit_in_samples(rewards: Sequence[Any] = ("log(2)", 0), *, beta: Any = 1) -> SampledGame:
    """An actor and a critic on the arms of a bandit, with a softmax policy and a value for each arm.

    Math: the model `bandit`, for any number of arms; equilibrium q = r, logits (r_a - r_m)/beta.

    Shapes: m - 1 logits and m values.

    Reference: Sutton and Barto (2018), section 2.8; Williams and Peng (1991) for the entropy bonus.

    Examples:
        >>> [str(v) for v in bandit_in_samples().variables]
        ['theta', 'q1', 'q2']
    """
    m = len(rewards)
    one = FiniteMDP((sp.eye(1),) * m, sp.Matrix([[expression(r, "a reward") for r in rewards]]), 0, (1,))
    return _titled(finite_process_in_samples(one, beta=beta), "Two-armed bandit" if m == 2 else "Bandit",
                   "Sutton and Barto 2018, section 2.8")  # fmt: skip


def two_states_in_samples(discount: Any = "1/2", *, beta: Any = 1) -> SampledGame:
    """An actor and a critic with two states and two actions, at rewards for which both actions are worth the same.

    Math: action 0 stays with probability 3/4, action 1 with 1/4; the rewards make Q(1, .) = 1 and Q(2, .) = 0 under the
        even policy at every discount, so the soft equilibrium is logits 0 for every beta.

    Shapes: two logits, four values.

    Reference: Puterman (1994), section 3.1; Sutton and Barto (2018), chapter 6.

    Examples:
        >>> [str(v) for v in two_states_in_samples().variables]
        ['theta_1', 'theta_2', 'q_1_1', 'q_1_2', 'q_2_1', 'q_2_2']
    """
    gamma, stay = expression(discount, "a discount"), (sp.Rational(3, 4), sp.Rational(1, 4))
    steps = tuple(sp.Matrix([[p, 1 - p], [1 - p, p]]) for p in stay)
    worth = sp.Matrix([1, 0])
    rewards = sp.Matrix(2, 2, lambda s, a: worth[s] - gamma * (steps[a] * worth)[s])
    mdp = FiniteMDP(steps, rewards, gamma, (1, 0))
    return _titled(finite_process_in_samples(mdp, beta=beta), "Two-state process", "Sutton and Barto 2018, chapter 6")


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
    )
    return sampled_game(samples, title="Linear-quadratic regulator", source="Fazel et al. 2018, arXiv:1801.05039")
