"""The language losses are written in: vectors, networks, random variables, expectations, gradients, equality, text.

Main definitions
    vector, network, random, E, dot, norm2, stop_gradient     what a loss is made of
    diagonal, ones, selection                                 products entry by entry, matrices of maps
    normal, bernoulli, uniform, categorical, finite, data, density, pushforward     laws
    entropy, relative_entropy                             of laws, closed where there is a closed form
    gradient, jacobian, substitute, release                   what is done with it
    normal_form, equal, instantiate, Instance                 proof, refutation, coordinates
    pointwise_best_response, densities, conjugate             players that move a whole function
    recognise, bregman_critic, best_density, orders_of_play   what their values and replies are
    tower, score_is_centred, ...                              named rewrites, with their conditions
    latex, plain, read, write                                 printing and reading
    sigmoid, softplus                                         scalar functions that differentiate well

Loaded lazily (PEP 562): SymPy is imported when the first name is used.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

_HOMES = {
    "nodes": ("vector", "dot", "norm2", "stop_gradient", "release"),
    "networks": ("network",),
    "diagonal": ("diagonal", "ones", "selection"),
    "laws": (
        "random",
        "log_density",
        "normal",
        "bernoulli",
        "uniform",
        "categorical",
        "finite",
        "data",
        "density",
        "pushforward",
    ),
    "expectation": ("E",),
    "information": ("entropy", "relative_entropy"),
    "gradient": ("gradient", "jacobian"),
    "substitute": ("substitute",),
    "latex": ("latex", "plain"),
    "normal_form": ("normal_form",),
    "equality": ("equal",),
    "instantiate": ("instantiate",),
    "instance": ("Instance",),
    "function_space": ("densities", "pointwise_best_response", "Lipschitz"),
    "conjugates": ("conjugate",),
    "divergences": ("divergences", "recognise"),
    "bregman": ("bregman_critic", "reversed_bregman_counterexample"),
    "constrained": ("best_density", "project_simplex", "project_box"),
    "orders_of_play": ("orders_of_play", "law_best_reply", "critic_leads_value"),
    "rewrites": ("tower", "sample_by_sample", "score_is_centred", "score_as_pathwise", "gaussian_by_parts"),
    "functions": ("sigmoid", "softplus"),
    "reader": ("read",),
    "text": ("write",),
    "errors": ("BilevelError", "GameError", "ReadError", "UnknownAnswer"),
}
_FACE = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_FACE]


class _Package(types.ModuleType):
    """Importing the submodule `gradient` must not hide the function `gradient` the package offers."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _FACE and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _FACE:
        from bilevel.language.names import absent

        raise absent(__name__, name, _FACE)
    found = getattr(importlib.import_module(f"{__name__}.{_FACE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
