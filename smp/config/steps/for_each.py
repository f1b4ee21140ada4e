"""Steps that run others once for each item of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from smp.config.steps.base import StepBase
from smp.config.values.base import TAKEN_AS_IT_IS, ConfigModel, TextList, fault
from smp.config.values.condition import (
    FINAL_METRICS,
    OUTPUTS,
    PARAMETERS,
    Reference,
    read_reference,
)
from smp.config.values.message import message_parts
from smp.config.values.varying import EVALUATED
from smp.definition.expressions import ParameterType, Written
from smp.definition.item_list import ALLOWED, ItemError, check_items, items_of
from smp.definition.item_list import item_text as item_text

Given = TypeVar("Given")

Scalar = str | int | float | bool
ITEMS_ALLOWED = (
    f"{ALLOWED}; "
    "${parameters.NAME} or ${STEP.outputs.NAME}, a text that holds such a list as JSON"
)


def check_list(items: list[Any]) -> list[Any]:
    """Return a list whose items are all scalars, or all mappings of the same keys, as it is."""
    for index, item in enumerate(items):
        if isinstance(item, Written):
            raise fault(
                "is not an item: the items are what stands here", ITEMS_ALLOWED, at=(index,)
            )
    return _read(check_items, items)


def _read(read: Callable[[Given], list[Any]], given: Given) -> list[Any]:
    """Return what a reader of items makes of a value; what is wrong with it is a fault of the field."""
    try:
        return read(given)
    except ItemError as error:
        allowed = ITEMS_ALLOWED if error.allowed == ALLOWED else error.allowed
        raise fault(str(error), allowed, at=error.at) from None


def _check_items(value: Any) -> Any:
    text = value.text if isinstance(value, Written) else value
    if isinstance(text, str):
        parts = list(message_parts(text))
        read = parts[0] if len(parts) == 1 else None
        if isinstance(read, str):
            return tuple(_read(items_of, read))
        if not isinstance(read, Reference) or read.kind not in (PARAMETERS, OUTPUTS):
            raise fault("is not a list", ITEMS_ALLOWED)
        return text
    if not isinstance(value, list):
        raise fault("is not a list", ITEMS_ALLOWED)
    return tuple(check_list(value))


def _check_field(text: str) -> str:
    found = read_reference(text)
    if found is None or found.kind not in (FINAL_METRICS, OUTPUTS):
        allowed = 'STEP.final_metrics.NAME, STEP.final_metrics["NAME"] or STEP.outputs.NAME'
        raise fault("cannot be compared", allowed)
    return text


class Selector(ConfigModel):
    """Which iteration is the best."""

    pick: Literal["MaxBy", "MinBy"]
    """Whether the largest value is the best, or the smallest."""
    field: Annotated[str, AfterValidator(_check_field)]
    """What is compared: `STEP.final_metrics.NAME`, `STEP.final_metrics["NAME"]` or `STEP.outputs.NAME` of a
    step of the loop."""


COUNTS: Mapping[str, ParameterType] = {
    "Status": "String",
    "InputItemCount": "Integer",
    "TotalStepCount": "Integer",
    "SucceededStepCount": "Integer",
    "FailedStepCount": "Integer",
    "StoppedStepCount": "Integer",
}
"""What `LOOP.outputs.NAME` may name: what the service says of a loop as a whole."""


class ForEachStep(StepBase):
    """A step that runs others once for each item of a list."""

    step_class: Literal["ForEach"]
    """What the step does."""
    items: Annotated[
        Annotated[str, EVALUATED]
        | tuple[str | int | float | bool | Annotated[dict[str, Scalar], TAKEN_AS_IT_IS], ...],
        BeforeValidator(_check_items),
    ]
    """The items: a list, or `${parameters.NAME}` or `${STEP.outputs.NAME}`, a text that holds one as
    JSON. In values of the loop's steps `${item}` is an iteration's item, `${item.FIELD}` a field of it."""
    max_concurrency: Annotated[int, Field(ge=1, le=50)]
    """How many steps of the loop run at once at most."""
    steps: Annotated[TextList, Field(min_length=1)]
    """The steps that run once for each item."""
    selector: Selector | None = None
    """Which iteration later steps read."""
    on_failure: TextList = ()
    """Steps that run when an iteration failed, and only then."""

    @property
    def typed_outputs(self) -> Mapping[str, ParameterType]:
        return COUNTS

    @property
    def selected(self) -> Reference | None:
        """What the iterations are compared by."""
        return read_reference(self.selector.field) if self.selector is not None else None
