"""What does a hypergradient cost: ridge regression with 50 and 10^6 weights, against Optimistix, JAXopt, TorchOpt?

Every entry solves the inner problem from zero, differentiates through its solution, and is one compiled call. Errors
are relative, against the closed form in float64. Peers that are not installed are named and left out. With
`--memory NAME TASK` one entry runs alone and prints its peak resident memory, and how much of it came after its
libraries were loaded and its data stood there (compiling, solving, differentiating); the program calls itself so. The
rest of the peak is the libraries, of which SymPy is 44 MiB, and the data, 122 MiB for the large task.

Goals: a ratio to Optimistix of at most 1, in time and working memory, at equal accuracy.
"""

from __future__ import annotations

import contextlib
import importlib.util
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
        draw = lambda *shape: source.standard_normal(shape, dtype=self.dtype)
        wide = [draw(rows, self.weights) for rows in (self.rows, 8)]
        for part in wide:  # in place: a second copy would be the peak that is measured
            part /= np.asarray(np.sqrt(self.weights), dtype=self.dtype)
        return [wide[0], draw(self.rows), wide[1], draw(8)]

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


def _compiled(task: Ridge, given: list[Any], make: Callable[[Any, Any, Any], Any]) -> Slope:
    """A JAX function of (data, l), compiled with the data as arguments, so that they are not constants."""
    import jax
    import jax.numpy as jnp

    data = [jnp.asarray(part) for part in given]

    def slope(data: Any, l: Any) -> Any:
        return make(*_losses(data, jnp), (jnp.zeros(task.weights, task.dtype), l))

    at = jnp.asarray(task.log, task.dtype)
    run = jax.jit(slope).lower(data, at).compile()
    return lambda: float(run(data, at))


def with_bilevel(task: Ridge, data: list[Any]) -> Slope:
    """`answers`, then `hypergradient`."""
    from bilevel.numeric import answers, hypergradient, implicit

    solver = "auto" if task.weights < 256 else "cg"

    def make(inner: Any, outer: Any, at: Any) -> Any:
        losses = {"l": lambda z: outer(z["w"]), "w": lambda z: inner(z["w"], z["l"])}
        point = answers(losses, "l", at={"w": at[0], "l": at[1]}, solver=solver)
        return hypergradient(losses, "l", implicit(solver), at=point).value

    return _compiled(task, data, make)


def with_optimistix(task: Ridge, data: list[Any]) -> Slope:
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

    return _compiled(task, data, make)


def with_jaxopt(task: Ridge, data: list[Any]) -> Slope:
    """L-BFGS with implicit differentiation, its own linear solver."""
    import jax
    import jaxopt

    tolerance = 1e-10 if task.dtype == "float64" else 1e-5

    def make(inner: Any, outer: Any, at: Any) -> Any:
        solver = jaxopt.LBFGS(inner, tol=tolerance, maxiter=500, implicit_diff=True)
        return jax.grad(lambda l: outer(solver.run(at[0], l).params))(at[1])

    return _compiled(task, data, make)


def with_torchopt(task: Ridge, data: list[Any]) -> Slope:
    """`custom_root`, the inner problem by L-BFGS of PyTorch, conjugate gradients for the adjoint."""
    import torch
    from torchopt.diff.implicit import custom_root
    from torchopt.linear_solve import solve_normal_cg

    x, y, u, v = (torch.from_numpy(part) for part in data)

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


ENTRIES: dict[str, tuple[str, Callable[[Ridge, list[Any]], Slope]]] = {
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
        if importlib.util.find_spec(module):  # not imported yet: PyTorch's threads would disturb the others
            found.append(name)
        else:
            print(f"{name} is not installed: left out")
    return found


def measured(task: Ridge, names: list[str]) -> dict[str, tuple[float, float, float]]:
    """Median wall and processor seconds of a call, in turns, and the relative error."""
    with precision(task):
        calls = {name: ENTRIES[name][1](task, task.data()) for name in names}
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


def peak(name: str, task: str) -> str:
    """Peak resident memory of a process that does this alone, and the part of it that is work."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory", name, task], capture_output=True, text=True, check=True
    )
    whole, work = map(float, done.stdout.split()[-2:])
    return f"{whole:.0f} MiB, {work:.0f} of them at work"


def _memory(line: str) -> float:
    """A line of this program's own account, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(entry.split()[1]) for entry in lines if entry.startswith(line)) / 1024


def alone(name: str, title: str) -> None:
    """What `--memory` asks for: the peak, and how far it lies above the libraries and the data."""
    module, make = ENTRIES[name]
    importlib.import_module({"bilevel": "bilevel.numeric.hypergradients"}.get(module, module))
    task, data = TASKS[title], TASKS[title].data()
    with precision(task):
        if name != "TorchOpt":
            import jax.numpy as jnp

            data = [jnp.asarray(part) for part in data]
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        before = _memory("VmRSS")
        call = make(task, data)
        call()
        call()
    print(_memory("VmHWM"), _memory("VmHWM") - before)


def main() -> None:
    """Print a table for each task."""
    warnings.simplefilter("ignore")  # TorchOpt's calls are deprecated in this PyTorch
    if len(sys.argv) > 3 and sys.argv[1] == "--memory":
        alone(sys.argv[2], sys.argv[3])
        return
    peers = installed()[1:]
    for peer in peers:  # one peer at a time, in turns with bilevel
        for title, task in TASKS.items():
            found = measured(task, ["bilevel", peer])
            ratio = found["bilevel"][1] / found[peer][1]
            print(
                f"\nridge, {title}, {task.dtype}, median of {task.repeats} calls in turns: ratio to {peer} {ratio:.2f}"
            )
            for name, (wall, cpu, error) in found.items():
                told = f"wall {wall * 1e3:8.3f} ms, processor {cpu * 1e3:8.3f} ms, error {error:.1e}"
                print(f"  {name:12} {told}, peak {peak(name, title)}")


if __name__ == "__main__":
    main()
