"""The picture of a pipeline as mermaid text, for markdown files and review comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smp.picture.dag import Dag, Step


@dataclass(frozen=True)
class Overlay:
    """What to show in addition to the DAG. A step or edge of a kind has the kind in words too."""

    steps: Mapping[str, str]
    edges: Mapping[tuple[str, str], str]
    signs: Mapping[str, str]
    """The sign before the name of a step of a kind."""
    styles: Mapping[str, str]
    """How a box of a kind looks."""
    description: str = ""


NO_OVERLAY = Overlay({}, {}, {}, {})


def render_mermaid(dag: Dag, overlay: Overlay = NO_OVERLAY) -> str:
    """Return a mermaid flowchart; a dashed arrow is an order without data."""
    node_ids = {step.name: f"s{number}" for number, step in enumerate(dag.steps)}
    lines = [
        "flowchart TB",
        f"    accTitle: {_plain(dag.name)}",
        f"    accDescr: {len(dag.steps)} steps; {_arrows(dag)}{_plain(overlay.description)}",
        *_nodes(dag, node_ids, overlay),
    ]
    for edge in dag.edges:
        arrow = "-->" if edge.carries_data else "-.->"
        kind = overlay.edges.get((edge.source, edge.target))
        words = ", ".join(part for part in (edge.decides, kind) if part)
        arrow += f'|"{words}"|' if words else ""
        lines.append(f"    {node_ids[edge.source]} {arrow} {node_ids[edge.target]}")
    used = dict.fromkeys(overlay.steps.values())
    lines += [f"    classDef {kind} {overlay.styles[kind]}" for kind in used]
    return "\n".join(lines) + "\n"


def _arrows(dag: Dag) -> str:
    """Return the meaning of each kind of arrow."""
    order = "solid arrows carry data, dashed ones only order"
    return f"{order}, those with words a decision" if any(e.decides for e in dag.edges) else order


def _nodes(dag: Dag, node_ids: Mapping[str, str], overlay: Overlay) -> Iterator[str]:
    for number, model in enumerate(dag.models):
        yield f'    subgraph m{number}["{_quoted(model)}"]'
        for step in dag.steps:
            if step.model == model:
                yield f"        {_node(step, node_ids[step.name], overlay)}"
        yield "    end"
    for step in dag.steps:
        if not step.model:
            yield f"    {_node(step, node_ids[step.name], overlay)}"


def _node(step: Step, node_id: str, overlay: Overlay) -> str:
    kind = overlay.steps.get(step.name)
    name, detail, style = step.name, step.type, ""
    if kind:
        name, detail, style = f"{overlay.signs[kind]} {name}", f"{detail}, {kind}", f":::{kind}"
    return f'{node_id}["{_quoted(name)}<br/><small>{_quoted(detail)}</small>"]{style}'


def _quoted(text: str) -> str:
    """Write text inside a quoted label: mermaid takes entities without the ampersand."""
    codes = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"}
    return "".join(codes.get(character, character) for character in text)


def _plain(text: str) -> str:
    """Write text that ends at the line's end and has no quoting."""
    return "".join(" " if character in "\n\r;#{}" else character for character in text)
