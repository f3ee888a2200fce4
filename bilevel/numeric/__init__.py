"""The numeric reading: expressions, games and rules as JAX functions, and checks of what was derived.

Main definitions
    lower, Lowered                    coordinate-level expressions as JAX functions
    realise, Realisation, evaluate    model-level expressions at random networks, laws and points
    check_equal, check_gradient, check_update, check_proof, check_instance, Check     derived equations held against
                                      `jax.grad`
    reading, Stepper, JaxField        a rule as init and step over pytrees
    optimizer                         an optax transformation as a rule
    hypergradient, answers            a leader's derivative through its followers, with its bias
    implicit, one_step                ways to differentiate, beside those of bilevel.response
    fixed_point, FixedPoint           a rule's fixed point near a start, and the verdict proved of it
    simulate                          trajectories
    basins                            which fixed point each start reaches
    jax_function, stablehlo           a derived update for use without this package
    sweep                             verdicts over a grid of parameters
    progress_bar                      a bar on a terminal for long work
    jacobian, Operator                the Jacobian of a game or rule as an operator, for networks of any size
    eigenvalues, Spectrum, Ritz       its leading eigenvalues, with residuals
    path_angle, PathAngle             how the field turns along a straight path
    diagnose, Diagnosis, Finding, Remedy    what kind of point this is, whether the rule rotates, which steps it takes

Loaded lazily (PEP 562): importing this package does not import JAX. Float64 is worked in through the context manager
`jax.enable_x64`; no global setting is touched.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_HOMES = {
    "lower": "lowering",
    "Lowered": "lowering",
    "realise": "realisation",
    "Realisation": "realisation",
    "evaluate": "model",
    "check_equal": "check",
    "check_gradient": "check",
    "check_update": "check",
    "check_proof": "check",
    "check_instance": "instances",
    "Check": "check",
    "reading": "stepper",
    "Stepper": "stepper",
    "JaxField": "field",
    "optimizer": "optimizers",
    "hypergradient": "hypergradients",
    "answers": "hypergradients",
    "Hypergradient": "hypergradients",
    "Bias": "hypergradients",
    "implicit": "replies",
    "one_step": "replies",
    "fixed_point": "fixed_points",
    "FixedPoint": "fixed_points",
    "simulate": "trajectory",
    "basins": "basins",
    "progress_bar": "progress",
    "jax_function": "export",
    "stablehlo": "export",
    "sweep": "sweep",
    "jacobian": "spectra_operator",
    "Operator": "spectra_operator",
    "eigenvalues": "spectra",
    "Spectrum": "spectra",
    "Ritz": "spectra",
    "path_angle": "path_angle",
    "PathAngle": "path_angle",
    "diagnose": "diagnose",
    "Diagnosis": "diagnosis",
    "Finding": "diagnosis",
    "Remedy": "diagnosis",
}

__all__ = [*_HOMES]


class _Package(types.ModuleType):
    """Importing the submodule `sweep` must not hide the function `sweep` the package offers."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        from bilevel.language.names import absent

        raise absent(__name__, name, _HOMES)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
