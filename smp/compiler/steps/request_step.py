"""A step of the definition with a request that this project composes itself."""

from __future__ import annotations

from typing import Any

from sagemaker.core.workflow.properties import Properties
from sagemaker.mlops.workflow.steps import Step, StepTypeEnum

from smp.definition.compiled import Json


class RequestStep(Step):  # type: ignore[misc]
    """A step of any type; `members` are those next to its request; empty ones are left out."""

    def __init__(
        self,
        name: str,
        kind: StepTypeEnum,
        request: Json,
        depends_on: list[Any],
        *,
        members: Json | None = None,
        described_by: str | None = None,
        own_properties: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, None, None, kind, depends_on or None)
        self._request = request
        self._members = {key: value for key, value in (members or {}).items() if value is not None}
        self._described_by = described_by
        self._own_properties = own_properties

    @property
    def arguments(self) -> Json:
        """The request."""
        return self._request

    @property
    def properties(self) -> Properties:
        """What later steps may read: what the service's answer has, and properties of the type's own."""
        found = Properties(step_name=self.name, step=self, shape_name=self._described_by)
        for name in self._own_properties:
            found.__dict__[name] = Properties(step_name=self.name, step=self, path=name)
        return found

    def to_request(self) -> Json:
        """Return the step."""
        return {**super().to_request(), **self._members}
