"""Each step as the source of a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smp.export.airflow.arrows import arrows, entries, is_guarded
from smp.export.airflow.conditions import Question
from smp.export.airflow.constants import Constants
from smp.export.airflow.job_names import job_bases
from smp.export.airflow.source import INDENT, Group, Node, call, lines, literal, mapping, sequence
from smp.export.airflow.step_types import Branch, Operator, dag_step
from smp.export.workflow import Task, Workflow


class TaskSource:
    """Writes the tasks of one DAG."""

    def __init__(self, workflow: Workflow, constants: Constants, names: Mapping[str, str]) -> None:
        self._workflow = workflow
        self._constants = constants
        self._names = names
        self._after = arrows(workflow)
        self._bases = job_bases(workflow)

    def task(self, task: Task) -> Iterator[str]:
        """Yield the lines of one task."""
        handled = dag_step(task)
        if isinstance(handled, Branch):
            yield from self._branch(task)
            return
        assert isinstance(handled, Operator), "a refused step is reported before"
        made = call(handled.name, task_id=literal(task.name), **self._named(task, handled))
        yield from lines(made, f"{self._names[task.name]} = ", indent=INDENT)

    def _named(self, task: Task, operator: Operator) -> dict[str, Node]:
        named: dict[str, Node] = {}
        if operator.calls_function:
            named["function_name"] = self._constants.expressions.node(task.step["FunctionArn"])
        named[operator.argument] = self._arguments(task)
        if is_guarded(task):
            named["trigger_rule"] = literal("all_done")
        policies = self._constants.retries(task)
        return {**named, **({"retry_policies": policies} if policies else {})}

    def _arguments(self, task: Task) -> Group:
        members: dict[str, Node] = {}
        if task.name in self._bases:
            member = str(task.call.name_member)
            members[member] = call("JobName", literal(self._bases[task.name]))
        given = {key: item for key, item in task.arguments.items() if key not in members}
        members |= self._constants.expressions.members(given)
        if is_guarded(task):
            members["after"] = _endings(task)
        if all(key.isidentifier() for key in members):
            return call("Arguments", **members)
        after = {"after": members.pop("after")} if is_guarded(task) else {}
        return call("Arguments", mapping(members), **after)

    def _branch(self, task: Task) -> Iterator[str]:
        """Yield a function that returns the tasks to go on with, and the task that it makes."""
        name = self._names[task.name]
        margin = " " * INDENT
        rule = ', trigger_rule="all_done"' if is_guarded(task) else ""
        yield f"{margin}@task.branch(task_id={literal(task.name)}, retries=0{rule})"
        yield f"{margin}def side_of_{name}(**context):"
        if is_guarded(task):
            yield from lines(call("only_after", "context", _endings(task)), indent=2 * INDENT)
        taken, otherwise = (self._entries(task, side) for side in ("IfSteps", "ElseSteps"))
        question = Question(task.arguments["Conditions"], self._constants.expressions)
        yield from question.lines(2 * INDENT)
        yield from lines(taken, "return ", indent=3 * INDENT)
        yield from lines(otherwise, "return ", indent=2 * INDENT)
        yield ""
        yield f"{margin}{name} = side_of_{name}()"

    def _entries(self, task: Task, side: str) -> Group:
        names = entries(self._workflow, self._after, task.name, side)
        return sequence(literal(name) for name in names)


def _endings(task: Task) -> Group:
    """Return how each step before a task has to end."""
    endings: dict[str, Node] = {edge.step: literal(edge.trigger) for edge in task.upstream}
    if task.side:
        endings[task.side.condition] = literal("Completed")
    return mapping(endings)
