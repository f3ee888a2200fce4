"""Information structure: which model sees what, and whose gradient passes through whom.

Main definitions: `Node`, `Edge`, `InformationStructure` (frozen data with `isomorphism`, `without`, `marked`).
Notation: node kinds are model (has a loss of its own), environment (information from outside) and fixed (a fixed
function, such as noise); edge kinds are information and gradient; a gradient edge leaves the model that is used.
Reference: Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bilevel.language.errors import GameError

__all__ = ["Edge", "InformationStructure", "Node"]

NodeKind = Literal["model", "environment", "fixed"]
EdgeKind = Literal["information", "gradient"]
Emphasis = Literal["analogous", "other"]


def _one_of(value: object, allowed: object, meaning: str) -> None:
    """Refuse a word that is not among the allowed ones."""
    if value not in get_args(allowed):
        raise GameError(f"{meaning} is one of {', '.join(get_args(allowed))}; got {value!r}.")


@dataclass(frozen=True)
class Node:
    """One vertex: a model, something from the environment, or a fixed function.

    Math:       a vertex coloured by its kind
    Raises:     GameError for an empty name or an unknown kind
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1
    Examples:
        >>> Node("G", "model")
        Node(name='G', kind='model')
    """

    name: str
    kind: NodeKind = "model"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise GameError(f"a node needs a name, a non-empty text; got {self.name!r}.")
        _one_of(self.kind, NodeKind, f"the kind of node {self.name!r}")


@dataclass(frozen=True)
class Edge:
    """One arrow: information from source to target, or a gradient of source used by target.

    Math:       source -> target, coloured by its kind; the emphasis is for the eye only
    Raises:     GameError for an unknown kind or emphasis
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1
    Examples:
        >>> Edge("D", "G", "gradient")
        Edge(source='D', target='G', kind='gradient', emphasis='other')
    """

    source: str
    target: str
    kind: EdgeKind = "information"
    emphasis: Emphasis = "other"

    def __post_init__(self) -> None:
        _one_of(self.kind, EdgeKind, f"the kind of the edge {self.source} -> {self.target}")
        _one_of(self.emphasis, Emphasis, f"the emphasis of the edge {self.source} -> {self.target}")


@dataclass(frozen=True)
class InformationStructure:
    """A small directed graph of models and what they see, as in Figure 1 of the paper.

    Math:       (V, E) with coloured vertices and edges, no edge twice
    Raises:     GameError when two nodes share a name, an edge stands twice or leads to a node that is not there
    Reference:  Pfau, Vinyals (2016), arXiv:1610.01945, Figure 1
    Examples:
        >>> gan = InformationStructure(
        ...     (Node("z", "fixed"), Node("G"), Node("D"), Node("x", "environment"), Node("y", "environment")),
        ...     (Edge("z", "G"), Edge("G", "D"), Edge("x", "D"), Edge("y", "D"), Edge("D", "G", "gradient")))
        >>> gan.without(("z", "G")).without_isolated().names
        ('G', 'D', 'x', 'y')
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "edges", tuple(self.edges))
        names = self.names
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise GameError(f"every node has its own name; {', '.join(doubled)} stands twice.")
        triples = [(edge.source, edge.target, edge.kind) for edge in self.edges]
        if len(set(triples)) < len(triples):
            raise GameError("an edge stands twice: the same source, target and kind.")
        for edge in self.edges:
            if missing := {edge.source, edge.target} - set(names):
                raise GameError(
                    f"the edge {edge.source} -> {edge.target} needs the node {sorted(missing)[0]!r}; add it to nodes."
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes, in order."""
        return tuple(node.name for node in self.nodes)

    def without(self, *items: str | Edge | tuple[str, str]) -> InformationStructure:
        """Leave out nodes (by name, with their edges) and edges (as `Edge`, or a pair: both kinds go)."""
        gone: set[str] = set()
        edges = list(self.edges)
        for item in items:
            match item:
                case str() if item in self.names:
                    gone.add(item)
                    continue
                case Edge():
                    kept = [e for e in edges if (e.source, e.target, e.kind) != (item.source, item.target, item.kind)]
                case (source, target):
                    kept = [e for e in edges if (e.source, e.target) != (source, target)]
                case _:
                    kept = edges
            if len(kept) == len(edges):
                raise GameError(
                    f"{item!r} was to be left out but is no node or edge here; nodes are {', '.join(self.names)}."
                )
            edges = kept
        kept_edges = tuple(e for e in edges if not gone & {e.source, e.target})
        return replace(self, nodes=tuple(n for n in self.nodes if n.name not in gone), edges=kept_edges)

    def without_isolated(self) -> InformationStructure:
        """Leave out the nodes that no edge touches."""
        touched = {name for edge in self.edges for name in (edge.source, edge.target)}
        return replace(self, nodes=tuple(node for node in self.nodes if node.name in touched))

    def isomorphism(
        self, other: InformationStructure, fixing: Mapping[str, str] | None = None
    ) -> dict[str, str] | None:
        """A bijection of the nodes that keeps the kinds of nodes and edges (and agrees with `fixing`), or None."""
        return next(iter(self.isomorphisms(other, fixing)), None)

    def isomorphisms(
        self, other: InformationStructure, fixing: Mapping[str, str] | None = None
    ) -> list[dict[str, str]]:
        """All bijections that keep the kinds of nodes and edges and agree with `fixing`; emphasis plays no part."""
        from networkx.algorithms.isomorphism import DiGraphMatcher

        ours, theirs = self._graph(), other._graph()
        matcher = DiGraphMatcher(ours, theirs, node_match=lambda a, b: a == b, edge_match=lambda a, b: a == b)
        # Listed in the order of our nodes, so that the answer is the same in every process.
        found = [{name: mapping[name] for name in self.names} for mapping in matcher.isomorphisms_iter()]
        rank = {name: index for index, name in enumerate(other.names)}
        found.sort(key=lambda mapping: [rank[image] for image in mapping.values()])
        return [mapping for mapping in found if all(mapping.get(a) == b for a, b in (fixing or {}).items())]

    def marked(self, edges: Iterable[Edge]) -> InformationStructure:
        """The same structure with exactly these edges emphasised as analogous."""
        chosen = {(edge.source, edge.target, edge.kind) for edge in edges}
        return replace(
            self,
            edges=tuple(
                replace(e, emphasis="analogous" if (e.source, e.target, e.kind) in chosen else "other")
                for e in self.edges
            ),
        )

    def _graph(self) -> object:
        """As a networkx graph; the kinds of all arrows between two nodes form one colour."""
        import networkx

        graph = networkx.DiGraph()
        for node in self.nodes:
            graph.add_node(node.name, kind=node.kind)
        for edge in self.edges:
            kinds = {edge.kind} | (
                graph.edges[edge.source, edge.target]["kinds"] if graph.has_edge(edge.source, edge.target) else set()
            )
            graph.add_edge(edge.source, edge.target, kinds=frozenset(kinds))
        return graph
