"""The functions that this project deploys with a pipeline: their code is a module of `smp.lookup`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.definition.deploy_values import function as deploy_name
from smp.lookup import approved_model as lookup
from smp.lookup import delete_model as deletion


@dataclass(frozen=True)
class Function:
    """One function. A pipeline has it once, if a step of it calls it."""

    name: str
    """Its deploy-time name, after `function.`."""
    module: str
    """The module of `smp.lookup` whose `handler` it runs."""
    construct_id: str
    """A part of its logical id, by which it is found in a deployed stack."""
    purpose: str
    """What it does, in words that `for pipeline NAME` follows."""
    inputs: frozenset[str]
    outputs: frozenset[str]
    """What its steps give it and get back, whatever else: so they are known in a deployed definition."""

    @property
    def arn(self) -> str:
        """The name of its ARN before a deployment."""
        return deploy_name(self.name)

    def is_called_by(self, step: Json) -> bool:
        """Whether a step of a compiled definition calls it."""
        return bool(step["Type"] == "Lambda" and step.get("FunctionArn") == self.arn)

    def may_be_called_by(self, step: Json) -> bool:
        """Whether a step of a deployed definition has its inputs and outputs, whatever it calls."""
        outputs = {output.get("OutputName") for output in step.get("OutputParameters", [])}
        return (
            step["Type"] == "Lambda"
            and self.outputs <= outputs
            and self.inputs <= step["Arguments"].keys()
        )


APPROVED_MODEL = Function(
    "approved-model",
    "approved_model",
    "RegistryLookup",
    "Looks approved models up",
    inputs=frozenset({lookup.GROUP, lookup.VERSION, lookup.WHEN_NONE}),
    outputs=frozenset({lookup.PACKAGE_ARN, lookup.PACKAGE_VERSION, lookup.EXISTS}),
)
DELETE_MODEL = Function(
    "delete-model",
    "delete_model",
    "ModelDeletion",
    "Deletes models",
    inputs=frozenset({deletion.MODEL}),
    outputs=frozenset({deletion.DELETED}),
)

FUNCTIONS: Mapping[str, Function] = {one.name: one for one in (APPROVED_MODEL, DELETE_MODEL)}
"""By deploy-time name."""
