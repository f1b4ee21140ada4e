"""What each task of a DAG is placed after, without arrows that follow from others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smp.export.workflow import Task, Workflow

Arrows = Mapping[str, tuple[str, ...]]
"""The tasks right after each task."""


def is_guarded(task: Task) -> bool:
    """Whether a task waits for more than the success of all before it."""
    return any(edge.trigger != "Completed" for edge in task.upstream)


def arrows(workflow: Workflow) -> Arrows:
    """Return the arrows that have to be drawn.

    One is left out where a longer way leads there over tasks that each need all before them to succeed:
    then the end needs the start as well.
    """
    above = {name: set(names) for name, names in workflow.waits_for().items()}
    needed: dict[str, set[str]] = {}
    kept: dict[str, list[str]] = {task.name: [] for task in workflow.tasks}
    for task in workflow.tasks:
        direct = above[task.name]
        over = set().union(*(needed[name] for name in direct)) if not is_guarded(task) else set()
        needed[task.name] = set() if is_guarded(task) else direct | over
        for name in workflow_order(workflow, direct - over):
            kept[name].append(task.name)
    return {name: tuple(after) for name, after in kept.items()}


def workflow_order(workflow: Workflow, names: set[str]) -> list[str]:
    """Return names in the order of the workflow."""
    return [task.name for task in workflow.tasks if task.name in names]


def chains(after: Arrows) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield chains of tasks that follow one another, each with the several tasks that come last or none."""
    drawn: set[str] = set()
    for name in after:
        if name in drawn or not after[name]:
            continue
        chain = [name]
        while len(after[chain[-1]]) == 1 and chain[-1] not in drawn:
            drawn.add(chain[-1])
            chain.append(after[chain[-1]][0])
        last = after[chain[-1]] if chain[-1] not in drawn and len(after[chain[-1]]) > 1 else ()
        drawn.add(chain[-1]) if last else None
        yield chain, last


def entries(workflow: Workflow, after: Arrows, condition: str, branch: str) -> list[str]:
    """Return the tasks right after a condition that run where a side is taken.

    One that stands on neither side runs in both cases.
    """
    sides = {task.name: task.side for task in workflow.tasks}
    return [
        name
        for name in after[condition]
        if (side := sides[name]) is None or side.condition != condition or side.branch == branch
    ]
