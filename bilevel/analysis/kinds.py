"""stub"""
from typing import Any
SPURIOUS = "spurious (not a zero of the field)"
def kinds_at(game: Any, point: Any, known: Any) -> Any:
    return (), {}
