"""Decision processes with any number of states and actions, as matrices of symbolic shape.

Main definitions: `MatrixProcess`, `process_of_any_size`, `TabularSoftmax`.

A pair is a state together with an action that is allowed there; every state may have its own actions. Vectors over
pairs have k entries, over states n. The matrix S (k x n) tells the state of every pair, so S^T sums over the actions
of each state and S copies a value of the state to its pairs. A policy is a column pi over pairs with S^T pi = 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.algebra import transpose
from bilevel.language.diagonal import Selection, diagonal, ones, selection
from bilevel.language.gradient import jacobian
from bilevel.language.instance import Instance
from bilevel.language.networks import network
from bilevel.language.nodes import dimension, dot, vector
from bilevel.models.finite_processes import FiniteMDP


@dataclass(frozen=True)
class MatrixProcess:
    """A decision process given by matrices whose sizes may be symbols.

    Math: with Pi = S^T diag(pi): induced chain Pi P, value V = (I - gamma Pi P)^{-1} Pi r, action value Q = r + gamma P
        V, advantage A = Q - S V, occupancy d = (1 - gamma)(I - gamma Pi P)^{-T} mu, return <mu, V>. The inverse exists
        for 0 <= gamma < 1: Pi P is stochastic, so its spectral radius is 1 (Puterman 1994, corollary C.4).

    Shapes: `state_of` k x n, `moves` k x n (rows: the law of the next state), `rewards` k, `start` n; sums over all
        steps, and the occupancy is a law.

    Reference: Wang, Bowling, Schuurmans (2007), doi 10.1109/ADPRL.2007.368188, for the matrices; Puterman (1994).

    Examples:
        >>> process = process_of_any_size()
        >>> pi = vector("pi", "k")
        >>> print(process.value(pi).shape, process.action_value(pi).shape)
        (n, 1) (k, 1)
    """

    state_of: Selection
    moves: Any
    rewards: Any
    start: Any
    discount: Any

    @property
    def lawful(self) -> tuple[tuple[Any, Any], ...]:
        """Rows of the transitions and the start are laws."""
        n, k = self.state_of.shape[1], self.state_of.shape[0]
        return ((self.moves * ones(n), ones(k)), (dot(self.start, ones(n)), sp.S.One))

    def allowed(self, policy: Any, *parameters: Any) -> tuple[tuple[Any, Any], ...]:
        """A policy's probabilities sum to one in every state, so their derivatives in its parameters sum to zero."""
        total, n = self.state_of.T * policy, self.state_of.shape[1]
        slopes = (jacobian(total, v) for v in parameters)
        return ((total, ones(n)), *((slope, sp.ZeroMatrix(*slope.shape)) for slope in slopes))

    def averaging(self, policy: Any) -> Any:
        """Pi, n x k: the average over the actions of each state."""
        return self.state_of.T * diagonal(policy)

    def system(self, policy: Any) -> Any:
        """I - gamma Pi P, n x n."""
        return sp.Identity(self.state_of.shape[1]) - self.discount * self.averaging(policy) * self.moves

    def value(self, policy: Any, rewards: Any = None) -> Any:
        """V, the discounted sum of rewards from each state."""
        return sp.Inverse(self.system(policy)) * self.averaging(policy) * (self.rewards if rewards is None else rewards)

    def action_value(self, policy: Any, rewards: Any = None) -> Any:
        """Q, the same after a first action."""
        rewards = self.rewards if rewards is None else rewards
        return rewards + self.discount * self.moves * self.value(policy, rewards)

    def advantage(self, policy: Any, rewards: Any = None) -> Any:
        """A = Q - S V."""
        return self.action_value(policy, rewards) - self.state_of * self.value(policy, rewards)

    def occupancy(self, policy: Any) -> Any:
        """d, the discounted law of the states visited."""
        return (1 - self.discount) * sp.Inverse(transpose(self.system(policy))) * self.start

    def pairs(self, policy: Any) -> Any:
        """diag(S d) pi, the discounted law of the pairs visited."""
        return diagonal(self.state_of * self.occupancy(policy)) * policy

    def performance(self, policy: Any, rewards: Any = None) -> Any:
        """<mu, V>, the return."""
        return dot(self.start, self.value(policy, rewards))

    def instance(self, mdp: FiniteMDP, **more: Any) -> Instance:
        """The process as a given finite one, pairs in the order (state, action); `more` goes to `Instance`."""
        n, m = mdp.states, mdp.actions
        vectors = {
            self.state_of.name: [sp.Integer(t == s) for s in range(n) for _ in range(m) for t in range(n)],
            self.moves.name: [mdp.transitions[a][s, t] for s in range(n) for a in range(m) for t in range(n)],
            self.rewards.name: list(mdp.rewards),
            self.start.name: list(mdp.start),
        }
        sizes = {str(self.state_of.shape[1]): n, str(self.state_of.shape[0]): n * m}
        return Instance(
            dims={**sizes, **more.get("dims", {})},
            networks=more.get("networks", {}),
            vectors={**vectors, **more.get("vectors", {})},
            scalars={str(self.discount): mdp.discount, **more.get("scalars", {})},
        )

    def numbers(self, networks: Mapping[str, Any], dims: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Choices for a numeric check: three states with two, one and three actions, stochastic transitions."""
        states = (0, 0, 1, 2, 2, 2)
        rows = [[1, 2, 3], [4, 0, 1], [1, 1, 0], [0, 0, 1], [2, 5, 1], [3, 1, 1]]
        n, k = map(str, reversed(self.state_of.shape))
        values = {
            self.state_of.name: [[float(s == t) for t in range(3)] for s in states],
            self.moves.name: [[entry / sum(row) for entry in row] for row in rows],
            self.start.name: [0.5, 0.2, 0.3],
            str(self.discount): 0.8,
        }
        return {"dims": {n: 3, k: 6, **(dims or {})}, "values": values, "networks": dict(networks)}


def process_of_any_size() -> MatrixProcess:
    """A process with n states and k pairs of state and action, both symbols.

    Math: see `MatrixProcess`; S, P, r, mu and gamma are unspecified.

    Shapes: n and k are the symbols `dimension("n")` and `dimension("k")`.

    Reference: Puterman (1994), Markov Decision Processes, chapter 6.

    Examples:
        >>> from bilevel.language import equal
        >>> process, pi = process_of_any_size(), vector("pi", "k")
        >>> V, Q = process.value(pi), process.action_value(pi)
        >>> equal(V, process.averaging(pi)*Q).answer
        True
    """
    n, k = dimension("n"), dimension("k")
    gamma = sp.Symbol("gamma", positive=True)
    return MatrixProcess(selection("S", k, n), sp.MatrixSymbol("P", k, n), vector("r", k), vector("mu", n), gamma)


@dataclass(frozen=True)
class TabularSoftmax:
    """A softmax policy with one logit for every pair, in a process of any size.

    Math: log pi = theta - S l(theta), where l is whatever makes the probabilities of every state sum to one. From this
        alone follow d log pi = I - S Pi and d l = Pi.

    Shapes: theta has k entries, l(theta) has n.

    Reference: Agarwal, Kakade, Lee, Mahajan (2021), arXiv:1908.00261, section 2.

    Examples:
        >>> softmax = TabularSoftmax(process_of_any_size())
        >>> print(softmax.policy, softmax.score)
        pi(theta) d1 logpi(theta)
    """

    process: MatrixProcess

    @property
    def logits(self) -> Any:
        """theta."""
        return vector("theta", self.process.state_of.shape[0])

    @property
    def policy(self) -> Any:
        """pi."""
        return network("pi", out=self.process.state_of.shape[0])(self.logits)

    @property
    def log(self) -> Any:
        """log pi."""
        return network("logpi", out=self.process.state_of.shape[0])(self.logits)

    @property
    def normaliser(self) -> Any:
        """l, the logarithm of the sum of the exponentials of the logits of each state."""
        return network("l", out=self.process.state_of.shape[1])(self.logits)

    @property
    def score(self) -> Any:
        """The derivative of log pi, k x k."""
        return jacobian(self.log, self.logits)

    @property
    def definition(self) -> tuple[tuple[Any, Any], ...]:
        """log pi = theta - S l, and its derivative; d pi = diag(pi) d log pi; probabilities sum to one."""
        written = self.logits - self.process.state_of * self.normaliser
        slopes = (self.score, jacobian(written, self.logits)), (jacobian(self.policy, self.logits), self._slope)
        return ((self.log, written), *slopes, *self.process.allowed(self.policy, self.logits))

    @property
    def _slope(self) -> Any:
        return diagonal(self.policy) * self.score

    @property
    def derived(self) -> tuple[tuple[Any, Any], ...]:
        """What follows: d l = Pi."""
        return ((jacobian(self.normaliser, self.logits), self.process.averaging(self.policy)),)

    def instance(self, mdp: FiniteMDP, logits: Sequence[Any], **more: Any) -> Instance:
        """The policy with these logits in a finite process, pairs in the order (state, action)."""
        m = mdp.actions

        def normaliser(theta: Any) -> list[Any]:
            return [sp.log(sum(map(sp.exp, theta[s * m : (s + 1) * m]))) for s in range(mdp.states)]

        networks = {
            "pi": lambda x: [sp.exp(x[i]) / sum(map(sp.exp, x[i - i % m : i - i % m + m])) for i in range(len(logits))],
            "l": normaliser,
            "logpi": lambda x: [x[i] - normaliser(x)[i // m] for i in range(len(logits))],
        }
        vectors = {str(self.logits.name): list(logits), **more.pop("vectors", {})}
        return self.process.instance(mdp, networks=networks, vectors=vectors, **more)

    def numbers(self) -> dict[str, Any]:
        """Choices for a numeric check in which the networks are the softmax and its logarithm."""
        found = self.process.numbers({})
        states = found["values"][self.process.state_of.name]

        def normaliser(theta: Any) -> Any:
            xp = theta.__array_namespace__()
            return xp.log(xp.asarray(states).T @ xp.exp(theta))

        def log(theta: Any) -> Any:
            return theta - theta.__array_namespace__().asarray(states) @ normaliser(theta)

        def policy(theta: Any) -> Any:
            return theta.__array_namespace__().exp(log(theta))

        return {**found, "networks": {"pi": policy, "logpi": log, "l": normaliser}}
