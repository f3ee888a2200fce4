"""What does a hypergradient cost: ridge regression with 50 and 10^6 weights, against Optimistix, JAXopt, TorchOpt?

Every entry solves the inner problem from zero, differentiates through its solution, and is one compiled call. Errors
are relative, against the closed form in float64. Peers that are not installed are named and left out. With
`--memory NAME TASK` one entry runs alone and prints its peak resident memory; the program calls itself so.

Goals: a ratio to Optimistix of at most 1, in time and memory, at equal accuracy.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Slope = Callable[[], float]


@dataclass(frozen=True)
class Ridge:
    """min over w of |Xw - y|^2 / 2 + exp(l) |w|^2 / 2, then d/dl of |Uw - v|^2 / 2."""

    weights: int
    rows: int
    dtype: str
    repeats: int
    log: float = 0.5

    def data(self) -> list[np.ndarray]:
        """X, y, U, v, the rows of length about one."""
        source = np.random.default_rng(0)
        draw = lambda *shape: source.standard_normal(shape).astype(self.dtype)
        scale = np.asarray(1 / np.sqrt(self.weights), dtype=self.dtype)
        return [draw(self.rows, self.weights) * scale, draw(self.rows), draw(8, self.weights) * scale, draw(8)]

    def exact(self) -> float:
        """The closed form, through the small matrix: (X'X + c)^-1 X' = X' (XX' + c)^-1."""
        x, y, u, v = (part.astype(float) for part in self.data())
        c = np.exp(self.log)
        small = np.linalg.inv(x @ x.T + c * np.eye(self.rows))
        w = x.T @ (small @ y)
        moved = -(w - x.T @ (small @ (x @ w)))  # -c (X'X + c)^-1 w
        return float((u @ w - v) @ (u @ moved))


TASKS = {
    "50 weights": Ridge(50, 200, "float64", 200),
    "10^6 weights": Ridge(10**6, 24, "float32", 5),
}


def _losses(data: list[Any], jnp: Any) -> tuple[Any, Any]:
    x, y, u, v = data
    inner = lambda w, l: jnp.sum((x @ w - y) ** 2) / 2 + jnp.exp(l) * jnp.sum(w**2) / 2
    return inner, lambda w: jnp.sum((u @ w - v) ** 2) / 2


def _compiled(task: Ridge, make: Callable[[Any, Any, Any], Any]) -> Slope:
    """A JAX function of (data, l), compiled with the data as arguments, so that they are not constants."""
    import jax
    import jax.numpy as jnp

    data = [jnp.asarray(part) for part in task.data()]

    def slope(data: Any, l: Any) -> Any:
        return make(*_losses(data, jnp), (jnp.zeros(task.weights, task.dtype), l))

    at = jnp.asarray(task.log, task.dtype)
    run = jax.jit(slope).lower(data, at).compile()
    return lambda: float(run(data, at))


def with_bilevel(task: Ridge) -> Slope:
    """`answers`, then `hypergradient`."""
    from bilevel.numeric import answers, hypergradient, implicit

    solver = "auto" if task.weights < 256 else "cg"

    def make(inner: Any, outer: Any, at: Any) -> Any:
        losses = {"l": lambda z: outer(z["w"]), "w": lambda z: inner(z["w"], z["l"])}
        point = answers(losses, "l", at={"w": at[0], "l": at[1]}, solver=solver)
        return hypergradient(losses, "l", implicit(solver), at=point).value

    return _compiled(task, make)


def with_optimistix(task: Ridge) -> Slope:
    """Newton's method with its implicit adjoint; conjugate gradients for the large task."""
    import jax
    import lineax
    import optimistix

    small = task.weights < 256
    exact = 1e-12 if small else 1e-5
    linear = lineax.AutoLinearSolver(well_posed=True) if small else lineax.CG(rtol=1e-4, atol=1e-5)
    back = linear if small else lineax.CG(rtol=1e-4, atol=1e-8)  # its tolerances are entry by entry
    tags = frozenset() if small else frozenset({lineax.positive_semidefinite_tag})
    # Lineax's CG gives nan where p'Ap < 100 n eps p'p: for 10^6 unknowns in float32, below 12. Scaled up it works.
    weight = 1.0 if small else 1e3

    def make(inner: Any, outer: Any, at: Any) -> Any:
        def value(l: Any) -> Any:
            solver = optimistix.Newton(rtol=exact, atol=exact, linear_solver=linear)
            found = optimistix.root_find(
                lambda w, l: weight * jax.grad(inner)(w, l),
                solver,
                at[0],
                args=l,
                tags=tags,
                throw=False,
                adjoint=optimistix.ImplicitAdjoint(linear_solver=back),
            )
            return outer(found.value)

        return jax.grad(value)(at[1])

    return _compiled(task, make)


def with_jaxopt(task: Ridge) -> Slope:
    """L-BFGS with implicit differentiation, its own linear solver."""
    import jax
    import jaxopt

    tolerance = 1e-10 if task.dtype == "float64" else 1e-5

    def make(inner: Any, outer: Any, at: Any) -> Any:
        solver = jaxopt.LBFGS(inner, tol=tolerance, maxiter=500, implicit_diff=True)
        return jax.grad(lambda l: outer(solver.run(at[0], l).params))(at[1])

    return _compiled(task, make)


def with_torchopt(task: Ridge) -> Slope:
    """`custom_root`, the inner problem by L-BFGS of PyTorch, conjugate gradients for the adjoint."""
    import torch
    from torchopt.diff.implicit import custom_root
    from torchopt.linear_solve import solve_normal_cg

    x, y, u, v = (torch.from_numpy(part) for part in task.data())

    def inner(w: Any, l: Any) -> Any:
        return ((x @ w - y) ** 2).sum() / 2 + torch.exp(l) * (w**2).sum() / 2

    def stationary(w: Any, l: Any) -> Any:
        return torch.func.grad(inner)(w, l)

    @custom_root(stationary, argnums=1, solve=solve_normal_cg(maxiter=500, rtol=1e-10))
    def solved(w: Any, l: Any) -> Any:
        w = w.detach().clone().requires_grad_()
        descent = torch.optim.LBFGS(
            [w], max_iter=500, tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe"
        )

        def closure() -> Any:
            descent.zero_grad()
            loss = inner(w, l.detach())
            loss.backward()
            return loss

        descent.step(closure)
        return w.detach()

    def slope() -> float:
        l = torch.tensor(task.log, dtype=x.dtype, requires_grad=True)
        w = solved(torch.zeros(task.weights, dtype=x.dtype), l)
        (found,) = torch.autograd.grad(((u @ w - v) ** 2).sum() / 2, l)
        return float(found)

    return slope


ENTRIES: dict[str, tuple[str, Callable[[Ridge], Slope]]] = {
    "bilevel": ("bilevel", with_bilevel),
    "Optimistix": ("optimistix", with_optimistix),
    "JAXopt": ("jaxopt", with_jaxopt),
    "TorchOpt": ("torchopt", with_torchopt),
}


@contextlib.contextmanager
def precision(task: Ridge) -> Any:
    """JAX in the task's precision."""
    import jax

    with jax.enable_x64(task.dtype == "float64"):
        yield


def installed() -> list[str]:
    """The entries that can be run here; the others are named."""
    found = []
    for name, (module, _) in ENTRIES.items():
        try:
            importlib.import_module(module)
            found.append(name)
        except ImportError:
            print(f"{name} is not installed: left out")
    return found


def measured(task: Ridge, names: list[str]) -> dict[str, tuple[float, float, float]]:
    """Median wall and processor seconds of a call, in turns, and the relative error."""
    with precision(task):
        calls = {name: ENTRIES[name][1](task) for name in names}
        exact = task.exact()
        error = {name: abs(call() - exact) / abs(exact) for name, call in calls.items()}
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
        for _ in range(task.repeats):
            for name, call in calls.items():
                wall, cpu = time.perf_counter(), time.process_time()
                call()
                spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    middle = lambda values: statistics.median(values)
    return {name: (middle([w for w, _ in s]), middle([c for _, c in s]), error[name]) for name, s in spent.items()}


def peak(name: str, task: str) -> float:
    """Peak resident memory, in MiB, of a process that does this alone."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory", name, task], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def alone(name: str, task: str) -> None:
    """What `--memory` asks for."""
    with precision(TASKS[task]):
        call = ENTRIES[name][1](TASKS[task])
        call()
        call()
    lines = Path("/proc/self/status").read_text().splitlines()  # the high-water mark of this program, not its parent's
    print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)


def main() -> None:
    """Print a table for each task."""
    warnings.simplefilter("ignore")  # TorchOpt's calls are deprecated in this PyTorch
    if len(sys.argv) > 3 and sys.argv[1] == "--memory":
        alone(sys.argv[2], sys.argv[3])
        return
    names = installed()
    for title, task in TASKS.items():
        found = measured(task, names)
        print(f"\nridge, {title}, {task.dtype}, median of {task.repeats} calls in turns")
        print(f"{'':12} {'wall':>10} {'processor':>10} {'ratio to Optimistix':>20} {'error':>9} {'peak MiB':>9}")
        for name, (wall, cpu, error) in found.items():
            ratio = cpu / found["Optimistix"][1] if "Optimistix" in found else float("nan")
            print(
                f"{name:12} {wall * 1e3:8.3f}ms {cpu * 1e3:8.3f}ms {ratio:20.2f} {error:9.1e} {peak(name, title):9.0f}"
            )


if __name__ == "__main__":
    main()
