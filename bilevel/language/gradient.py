"""Gradients and Jacobians at the model level, coordinate-free and valid for every dimension.

Main definitions: `gradient`, `jacobian`.

One function, `derivative(u, v)`, covers the four cases: of a scalar u the gradient column (a number for scalar v), of a
column u the Jacobian (a column for scalar v). Expectations are differentiated pathwise where v enters the sample and by
the score function where v enters the law. At a kink (max, abs) SymPy's convention holds: Heaviside(0) = 1/2,
sign(0) = 0.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy import Expr, Identity, Inverse, MatAdd, MatMul, MatrixExpr, S, Transpose, ZeroMatrix

from bilevel.language.algebra import expression, is_column, is_scalar, plus, product, transpose
from bilevel.language.diagonal import Diagonal
from bilevel.language.errors import GameError
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.laws import LogDensity
from bilevel.language.networks import OPEN, Applied, AppliedVector, Partial, PartialMatrix, check_calls, partial
from bilevel.language.nodes import Dot, RandomScalar, RandomVector, Vector, scale
from bilevel.language.sampling import differentiated
from bilevel.language.substitute import depends, free_variables, law_depends, substitute

HOW = ("auto", "pathwise", "score")


def gradient(loss: Expr, variable: Any, how: str = "auto") -> Expr:
    """Gradient of a scalar in a vector (a column), or its derivative in a scalar.

    Math: (d loss / d v)^T. d E_{x ~ p_v}[f] = E[d f] (pathwise) + E[f d log p_v(x)] (score function); `how` =
    "auto" takes each where v enters, "pathwise" rewrites every law that depends on v as a map of noise free of v,
    "score" insists on a density.
    Shapes: (dim, 1) for a vector of shape (dim, 1); a scalar for a scalar.
    Raises: GameError if the loss is no scalar, the variable no symbol, a law cannot be differentiated in the way asked
        for, or a network is called inconsistently.
    Reference: Schulman, Heess, Weber, Abbeel (2015), arXiv 1506.05254; Glynn (1990), doi 10.1145/84537.84552.
    Examples:
        >>> from bilevel.language.nodes import vector
        >>> from bilevel.language.networks import network
        >>> D, w, phi = network("D", range="probability"), vector("w", "n"), vector("phi", "q")
        >>> gradient(sp.log(D(w, phi)), phi)
        1/D(w, phi)*(d2 D(w, phi))
    """
    loss = expression(loss)
    if not is_scalar(loss):
        hint = "write u^T w as dot(u, w)" if loss.shape == (1, 1) else "for a vector use jacobian"
        raise GameError(f"gradient differentiates a scalar, not {loss}; {hint}")
    return _checked(loss, variable, how)


def jacobian(value: Expr, variable: Any, how: str = "auto") -> Expr:
    """Jacobian of a column in a vector: rows are the components of the value.

    Math: (d u_i / d v_j)_ij; of a scalar, the gradient as a row. Second derivatives are jacobian(gradient(L, x), y).
    Shapes: (n, 1) in (p, 1) gives (n, p); in a scalar gives (n, 1).
    Raises: GameError as `gradient`; also where a derivative would keep more than two open indices.
    Reference: Magnus, Neudecker (1985), doi 10.1016/0022-2496(85)90006-9.
    Examples:
        >>> from bilevel.language.nodes import vector
        >>> from bilevel.language.networks import network
        >>> G, z, theta = network("G", out="n"), vector("z", "m"), vector("theta", "p")
        >>> jacobian(G(z, theta), theta).shape
        (n, p)
    """
    value = expression(value)
    found = _checked(value, variable, how)
    return transpose(found) if is_scalar(value) else found


def _checked(value: Expr, variable: Any, how: str) -> Expr:
    if how not in HOW:
        raise GameError(f"how is one of {', '.join(HOW)}; got {how!r}")
    if not isinstance(variable, (sp.Symbol, sp.MatrixSymbol, RandomVector, RandomScalar)) or not (
        is_scalar(variable) or is_column(variable)
    ):
        raise GameError(f"derivatives are taken in vectors and scalar symbols; got {variable}")
    check_calls([value])
    if how == "score" and not any(law_depends(x.law, variable) for x in value.atoms(RandomVector, RandomScalar)):
        raise GameError(
            f"no law in the expression depends on {variable}, so there is no score function; use how='pathwise'"
        )
    return derivative(value, variable, how)


def derivative(value: Expr, v: Any, how: str = "auto") -> Expr:
    """The derivative by cases, without the checks (see the module's docstring for shapes)."""
    if not depends(value, v):
        return zero(value, v)
    if is_scalar(value):
        return _of_scalar(value, v, how)
    if is_column(value):
        return _of_column(value, v, how)
    if is_scalar(v):
        raise GameError(
            f"the derivative of the matrix {value} in a scalar is not offered; apply the matrix to a vector first"
        )
    raise GameError(
        f"the derivative of the matrix {value} in a vector has three indices; apply the matrix to a vector first"
    )


def zero(value: Expr, v: Any) -> Expr:
    """The derivative of something that does not depend on v."""
    if is_scalar(value):
        return S.Zero if is_scalar(v) else ZeroMatrix(*v.shape)
    return ZeroMatrix(value.shape[0], S.One if is_scalar(v) else v.shape[0])


def total(value: Expr, v: Any, summands: list[Expr]) -> Expr:
    """Sum of summands that all have the shape of d value / d v."""
    if not summands:
        return zero(value, v)
    return sp.Add(*summands) if is_scalar(summands[0]) else plus(*summands)


def _of_scalar(value: Expr, v: Any, how: str) -> Expr:
    if value == v:
        return S.One
    if isinstance(value, (Applied, LogDensity, Partial)):
        return total(value, v, _of_call(value, v, how))
    if isinstance(value, Dot):
        left, right = value.args
        sides = [(left, right)] * 2 if left == right else [(left, right), (right, left)]
        return total(value, v, [_pulled(constant, moving, v, how) for constant, moving in sides if depends(moving, v)])
    if isinstance(value, (Expectation, Conditional)):
        return differentiated(value, v, how, derivative)
    if getattr(value, "binds_symbols", False):  # an average at the coordinate level differentiates inside
        return sp.diff(value, v)
    if getattr(value, "model_node", False):
        raise GameError(f"no rule differentiates {value} in {v}")
    return _of_formula(value, v, how)


def _of_formula(value: Expr, v: Any, how: str) -> Expr:
    """An ordinary SymPy expression of scalar nodes: SymPy differentiates in the nodes, the chain rule does the rest."""
    hidden: dict[Expr, sp.Dummy] = {}
    flat = _flattened(value, hidden)
    back = {dummy: atom for atom, dummy in hidden.items()}
    summands = []
    for atom, dummy in hidden.items():
        if depends(atom, v):
            slope = sp.diff(flat, dummy).xreplace(back)
            summands.append(scale(slope, derivative(atom, v, how)))
    return total(value, v, summands)


def _flattened(value: Any, hidden: dict[Expr, sp.Dummy]) -> Any:
    """The expression with its outermost scalar nodes and symbols replaced by dummies."""
    closed = getattr(value, "model_node", False) or getattr(value, "binds_symbols", False)
    if isinstance(value, Expr) and (closed or isinstance(value, sp.Symbol)):
        if value not in hidden:
            signs = {"positive": True} if value.is_positive else {"real": True} if value.is_real else {}
            hidden[value] = sp.Dummy(**signs)
        return hidden[value]
    if isinstance(value, MatrixExpr):
        raise GameError(f"a matrix stands inside a scalar expression: {value}; use dot(u, w) for u^T w")
    if not value.args:
        return value
    return value.func(*(_flattened(arg, hidden) for arg in value.args))


def _pulled(constant: MatrixExpr, moving: MatrixExpr, v: Any, how: str) -> Expr:
    """Derivative of <constant, moving>: (d moving)^T constant."""
    slope = derivative(moving, v, how)
    return Dot(constant, slope) if is_scalar(v) else product(transpose(slope), constant)


def _of_call(node: Any, v: Any, how: str, held: Any = None) -> list[Expr]:
    """Chain rule for an applied network, a log-density or a partial with at most one open index.

    `held = (applied, weight, slots)` stands for a node that would not exist by itself: a Hessian times a frozen vector.
    """
    if held is None and isinstance(node, (Partial, PartialMatrix)):
        held = (node.applied, node.weight, node.slots)
    applied, weight, slots = held or (node, S.One if node.output is None else OPEN, ())
    summands = []
    for place, argument in enumerate(applied.arguments):
        if depends(argument, v):
            outer = _one_more(applied, weight, slots, place)
            summands.append(
                _chained(
                    outer, derivative(argument, v, how), is_scalar(argument), v, weight == OPEN or _has_open(slots)
                )
            )
    if weight not in (S.One, OPEN) and depends(weight, v):
        outer = partial(applied, slots, None)
        if _has_open(slots):
            outer = transpose(outer)
        summands.append(_chained(outer, derivative(weight, v, how), False, v, _has_open(slots)))
    for position, (place, vector) in enumerate(slots):
        if vector not in (S.One, OPEN) and depends(vector, v):
            rest = slots[:position] + slots[position + 1 :]
            outer = _one_more(applied, weight, rest, place)
            summands.append(_chained(outer, derivative(vector, v, how), False, v, weight == OPEN or _has_open(rest)))
    return summands


def _has_open(slots: Any) -> bool:
    return any(vector == OPEN for _, vector in slots)


def _one_more(applied: Any, weight: Any, slots: Any, place: int) -> Expr:
    """The partial with one more open slot at `place`, which becomes the column index if another index is open."""
    found = partial(applied, [*slots, (place, OPEN)], None if weight in (S.One, OPEN) else weight)
    row = next((p for p, vector in slots if vector == OPEN), None)
    if weight == OPEN or row is None or row <= place or is_scalar(applied.arguments[place]):
        return found
    return transpose(found)


def _chained(outer: Expr, inner: Expr, inner_is_scalar: bool, v: Any, rows: bool) -> Expr:
    """outer o inner. `rows`: the differentiated thing is a column, so the result is a Jacobian."""
    if inner_is_scalar:
        if not rows:
            return scale(outer, inner)
        return scale(inner, outer) if is_scalar(v) else product(outer, transpose(inner))
    if rows:
        return product(outer, inner)
    return Dot(outer, inner) if is_scalar(v) else product(transpose(inner), outer)


def _of_column(value: MatrixExpr, v: Any, how: str) -> Expr:
    if value == v:
        return Identity(v.shape[0])
    if isinstance(value, (AppliedVector, PartialMatrix)):
        return total(value, v, _of_call(value, v, how))
    if isinstance(value, (ExpectationMatrix, ConditionalMatrix)):
        return differentiated(value, v, how, derivative)
    if isinstance(value, MatAdd):
        return total(value, v, [derivative(arg, v, how) for arg in value.args if depends(arg, v)])
    if isinstance(value, MatMul):
        tidy = product(*value.args)
        if not isinstance(tidy, MatMul):
            return derivative(tidy, v, how)
        coefficient, word = tidy.as_coeff_matrices()
        summands = []
        if depends(coefficient, v):
            slope, rest = derivative(coefficient, v, how), product(*word)
            summands.append(scale(slope, rest) if is_scalar(v) else product(rest, transpose(slope)))
        return total(value, v, summands + [scale(coefficient, d) for d in _of_word(tuple(word), v, how)])
    raise GameError(f"no rule differentiates {value} in {v}")


def _of_word(word: tuple[MatrixExpr, ...], v: Any, how: str) -> list[Expr]:
    """Leibniz rule for a product of matrices that ends in a column."""
    head, tail = word[0], word[1:]
    if not tail:
        return [derivative(head, v, how)] if depends(head, v) else []
    rest = product(*tail)
    summands = [product(head, d) for d in _of_word(tail, v, how)] if is_column(rest) else []
    return summands + ([_of_matrix_times(head, rest, v, how)] if depends(head, v) else [])


def _of_matrix_times(matrix: MatrixExpr, vector: MatrixExpr, v: Any, how: str) -> Expr:
    """Derivative of matrix * vector with the vector held constant: a symbol stands for it meanwhile."""
    taken = {symbol.name for symbol in free_variables(matrix) | free_variables(vector) if hasattr(symbol, "name")}
    held = Vector(
        next(name for name in map("held{}".format, range(len(taken) + 1)) if name not in taken), vector.shape[0]
    )
    return substitute(_of_matrix_on(matrix, held, v, how), {held: vector})


def _of_matrix_on(matrix: MatrixExpr, held: Vector, v: Any, how: str) -> Expr:
    """Derivative of matrix * held, where held is a constant symbol."""
    if isinstance(matrix, MatAdd):
        return total(
            product(matrix, held), v, [_of_matrix_on(arg, held, v, how) for arg in matrix.args if depends(arg, v)]
        )
    if isinstance(matrix, Inverse):
        return product(S.NegativeOne, matrix, _of_matrix_times(matrix.arg, product(matrix, held), v, how))
    if isinstance(matrix, MatMul):
        return derivative(product(matrix, held), v, how)
    if isinstance(matrix, Diagonal):
        return product(Diagonal(held), derivative(matrix.entries, v, how))
    if isinstance(matrix, ExpectationMatrix):
        return differentiated(ExpectationMatrix(product(matrix.body, held), *matrix.variables), v, how, derivative)
    if isinstance(matrix, ConditionalMatrix):
        return differentiated(ConditionalMatrix(product(matrix.body, held), *matrix.args[1:]), v, how, derivative)
    flipped = isinstance(matrix, Transpose)
    node = matrix.arg if flipped else matrix
    if isinstance(node, PartialMatrix) and not node.column:
        frozen = _frozen(node, 0 if flipped else 1, held)
        return total(product(matrix, held), v, _of_call(None, v, how, frozen))
    raise GameError(f"no rule differentiates {matrix} in {v}")


def _frozen(node: PartialMatrix, side: int, held: Vector) -> tuple[Any, Any, Any]:
    """(applied, weight, slots) of the node with its row (0) or column (1) index contracted, left as it is."""
    if node.weight == OPEN and side == 0:
        return node.applied, held, node.slots
    place = [i for i, (_, vector) in enumerate(node.slots) if vector == OPEN][side - (node.weight == OPEN)]
    slots = (*node.slots[:place], (node.slots[place][0], held), *node.slots[place + 1 :])
    return node.applied, node.weight, slots
