"""bilevel: games of several learners, from their losses to proved statements.

A person writes down players and losses; the package derives every player's update equation, finds fixed points,
decides exactly when a learning rule converges to them, and proves that two formulations are the same problem.
Every answer says how it is known: `exact`, `enclosed`, `float` or `unknown`.

Main definitions
    Game, minimize, maximize      who moves what, to make which loss small or large
    best_response, unrolled       how one player's derivative passes through another's answer
    vector, network, random, E    the language of losses at the papers' level
    rules, derive                 learning rules, and the update equations they give
    stability, equilibria         verdicts about fixed points
    correspond                    which relations hold between two games, with proof or counterexample
    models                        the catalogue: GANs, environments, actor-critic methods

The face is lazy (PEP 562): a name loads its module when it is first used, so `import bilevel` stays fast.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> the module it lives in; a name that is itself a module of the package maps to that module
_FACE = {
    "Game": "bilevel.game",
    "Player": "bilevel.game",
    "minimize": "bilevel.game",
    "maximize": "bilevel.game",
    "best_response": "bilevel.response",
    "unrolled": "bilevel.response",
    "vector": "bilevel.language",
    "network": "bilevel.language",
    "random": "bilevel.language",
    "E": "bilevel.language",
    "stop_gradient": "bilevel.language",
    "gradient": "bilevel.language",
    "jacobian": "bilevel.language",
    "equal": "bilevel.language",
    "instantiate": "bilevel.language",
    "rules": "bilevel.rules",
    "derive": "bilevel.rules",
    "models": "bilevel.models",
    "stability": "bilevel.analysis",
    "equilibria": "bilevel.analysis",
    "correspond": "bilevel.analysis",
    "numeric": "bilevel.numeric",
    "show": "bilevel.show",
    "testing": "bilevel.testing",
    "load": "bilevel.app.problem",
}

__all__ = [*_FACE]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _FACE:
        from bilevel.language.names import absent

        raise absent(__name__, name, _FACE)
    module = importlib.import_module(_FACE[name])
    found = module if _FACE[name] == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = found  # from now on an ordinary attribute
    return found


def __dir__() -> list[str]:
    """The public names, and the version."""
    return sorted([*_FACE, "__version__"])
