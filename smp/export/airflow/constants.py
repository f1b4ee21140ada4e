"""What stands above the DAG in its file: deploy-time values, property files, retry policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from smp.definition.compiled import Json
from smp.definition.deploy_values import names_in
from smp.export.airflow.expressions import Expressions
from smp.export.airflow.source import Names, call, lines, literal, sequence
from smp.export.workflow import PropertyFile, Task, Workflow


def value_names(workflow: Workflow) -> list[str]:
    """Return the deploy-time names that the parameters and tasks of a DAG hold, in order."""
    found = names_in([parameter.default for parameter in workflow.parameters])
    for task in workflow.tasks:
        found |= names_in(task.arguments)
        found |= set() if task.type.function else names_in(task.step.get("FunctionArn", ""))
    return sorted(found)


class Constants:
    """The constants of one DAG file, each by what it stands for."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        values, files, self._retries = Names(), Names("file_"), Names("retries_")
        self.values: Mapping[str, str] = {
            name: values.take(name).upper() for name in value_names(workflow)
        }
        read = {(file.step, file.name): file for task in workflow.tasks for file in task.reads}
        self._files = [
            (file, files.take(f"{file.step}-{file.name}").upper()) for file in read.values()
        ]
        self._policies = dict(self._shared_policies())

    @cached_property
    def expressions(self) -> Expressions:
        """What turns JSON values into source with these constants."""
        return Expressions(self.values, self._files)

    def retries(self, task: Task) -> str | None:
        """Return the constant of a task's retry policies, None where it has none."""
        return self._policies.get(repr(task.retries)) if task.retries else None

    def blocks(self) -> Iterator[Sequence[str]]:
        """Yield the lines of each group of constants."""
        if self.values:
            names = sequence(literal(name) for name in self.values)
            yield [
                *lines(call("read_values", "__file__", names), "VALUES = "),
                *(f"{self.values[name]} = VALUES[{literal(name)}]" for name in self.values),
            ]
        if self._files:
            yield [line for file, name in self._files for line in self._file(file, name)]
        if self._policies:
            yield [
                line for text, name in self._policies.items() for line in self._policy(text, name)
            ]

    def _file(self, file: PropertyFile, name: str) -> Iterator[str]:
        yield from lines(self.expressions.expression(file.location), f"{name} = ")

    def _policy(self, text: str, name: str) -> Iterator[str]:
        policies = next(task.retries for task in self._workflow.tasks if repr(task.retries) == text)
        yield from lines(self.expressions.node(list(policies)), f"{name} = ")

    def _shared_policies(self) -> Iterator[tuple[str, str]]:
        """Yield a name for each set of policies: after the one step that has it, or what it is for."""
        counts = Counter(repr(task.retries) for task in self._workflow.tasks if task.retries)
        for text, count in counts.items():
            task = next(task for task in self._workflow.tasks if repr(task.retries) == text)
            of = task.name if count == 1 else _purpose(task.retries)
            yield text, self._retries.take(of).upper()


def _purpose(policies: Sequence[Json]) -> str:
    faults = [fault for policy in policies for fault in policy["ExceptionType"]]
    return "job" if any(fault.startswith("SageMaker.") for fault in faults) else "call"
