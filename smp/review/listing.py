"""Pipelines as text for a terminal: the short list, and every step in the order in which it can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smp.compiler.render_triggers import render_triggers
from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import SAGEMAKER, Trigger
from smp.graph import PipelineGraph
from smp.picture.dag import read_dag


def render_list(graphs: Sequence[PipelineGraph]) -> str:
    """Return each pipeline's models and its configured steps, as a person scans them."""
    blocks = []
    for graph in graphs:
        models = ", ".join(model.name for model in graph.models)
        shown = len(graph.models) > 1
        rows = [[node.name, node.step_class, node.model.name * shown] for node in graph.in_order()]
        started = _started(render_triggers(graph))
        blocks.append("\n".join([f"{graph.name}  ({models})", *_table(rows), *started]))
    return "\n\n".join(blocks) + "\n" if blocks else ""


def render_steps(pipeline: CompiledPipeline, model_of: Mapping[str, str] | None = None) -> str:
    """Return a compiled pipeline's steps in order: kind, instances, cache, and what each waits for."""
    dag = read_dag(pipeline, model_of)
    steps = {step.name: step for step in dag.steps}
    order = pipeline.order()
    number = {name: index for index, name in enumerate(order, start=1)}
    edges = pipeline.edges()
    rows = [["", "step", "type", "instances", "cached", "waits for"]]
    for name in order:
        step = steps[name]
        waits = sorted(number[source] for source in edges[name])
        rows.append(
            [
                str(number[name]),
                name,
                step.type,
                step.instances or step.repeats or "-",
                step.cached_for or "no",
                ", ".join(map(str, waits)) or "-",
            ]
        )
    table = _table(rows, numbered=True)
    return "\n".join([pipeline.name, *table, *_started(pipeline.triggers)]) + "\n"


def _started(triggers: Sequence[Trigger]) -> list[str]:
    """Return a line for each trigger: its name, when it starts the pipeline, and whether it does."""
    rows = [
        ["started by" if trigger.enabled else "switched off", trigger.name, _when(trigger)]
        for trigger in triggers
    ]
    return _table(rows) if rows else []


def _when(trigger: Trigger) -> str:
    """Return when a trigger starts its pipeline, and where if not on SageMaker."""
    where = "" if trigger.target == SAGEMAKER else f", on {trigger.target}"
    return f"{trigger.described()}{where}"


def _table(rows: Sequence[Sequence[str]], *, numbered: bool = False) -> list[str]:
    """Align columns; in a numbered table the first one to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if numbered:
            cells[0] = row[0].rjust(widths[0])
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines
