"""The picture of a pipeline as mermaid text, for markdown files and review comments.

It never reads a definition: it draws the `Dag` that `smp.review.dag` read.
"""

from __future__ import annotations

from collections.abc import Iterator

from smp.review.dag import Dag, Step


def render_mermaid(dag: Dag) -> str:
    """Return a mermaid flowchart; a dashed arrow is an order without data."""
    node_ids = {step.name: f"s{number}" for number, step in enumerate(dag.steps)}
    lines = [
        "flowchart TB",
        f"    accTitle: {_plain(dag.name)}",
        f"    accDescr: {len(dag.steps)} steps; solid arrows carry data, dashed ones only order",
        *_nodes(dag, node_ids),
    ]
    for edge in dag.edges:
        arrow = "-->" if edge.carries_data else "-.->"
        lines.append(f"    {node_ids[edge.source]} {arrow} {node_ids[edge.target]}")
    return "\n".join(lines) + "\n"


def _nodes(dag: Dag, node_ids: dict[str, str]) -> Iterator[str]:
    for number, model in enumerate(dag.models):
        yield f'    subgraph m{number}["{_quoted(model)}"]'
        for step in dag.steps:
            if step.model == model:
                yield f"        {_node(step, node_ids[step.name])}"
        yield "    end"
    for step in dag.steps:
        if not step.model:
            yield f"    {_node(step, node_ids[step.name])}"


def _node(step: Step, node_id: str) -> str:
    return f'{node_id}["{_quoted(step.name)}<br/><small>{_quoted(step.type)}</small>"]'


def _quoted(text: str) -> str:
    """Write text inside a quoted label: mermaid takes entities without the ampersand."""
    codes = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}
    return "".join(codes.get(character, character) for character in text)


def _plain(text: str) -> str:
    """Write text that ends at the line's end and has no quoting."""
    return "".join(" " if character in "\n\r;#{}" else character for character in text)
