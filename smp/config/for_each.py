"""Steps that run others once for each item of a list.

It never reads a list that only an execution has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from smp.config.condition import FINAL_METRICS, OUTPUTS, PARAMETERS, Reference, read_reference
from smp.config.expressions import ParameterType, Written
from smp.config.fields import ConfigModel, TextList, fault
from smp.config.message import message_parts
from smp.config.step_base import StepBase
from smp.config.varying import EVALUATED
from smp.config.wording import shown

MAX_ITEMS = 100
"""The SageMaker SDK's limit on a list that stands in a definition."""
MAX_ITEM_CHARACTERS = 12_800
"""IterationContext.Item (botocore 1.44.5)."""

Scalar = str | int | float | bool
Item = Scalar | dict[str, Scalar]
ITEMS_ALLOWED = (
    "a list of 1 to 100 texts, numbers or flags, or of mappings with the same keys; "
    "${parameters.NAME} or ${STEP.outputs.NAME}, a text that holds such a list as JSON"
)
FIELD = r"[A-Za-z_][A-Za-z0-9_]*"


def check_list(items: list[Any]) -> list[Any]:
    """Return a list whose items are all scalars, or all mappings of the same keys, as it is."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise fault(f"has {len(items)} items", f"1 to {MAX_ITEMS}")
    keys = list(items[0]) if isinstance(items[0], dict) else None
    for index, item in enumerate(items):
        if isinstance(item, Written):
            raise fault("is no item: the items are what stands here", ITEMS_ALLOWED, at=(index,))
        if isinstance(item, dict):
            _check_fields(item, keys, index)
        elif not isinstance(item, (str, int, float)):
            raise fault("is no item", ITEMS_ALLOWED, at=(index,))
        elif keys is not None:
            raise fault("is no mapping, as the items before it are", ", ".join(keys), at=(index,))
        if len(item_text(item)) > MAX_ITEM_CHARACTERS:
            raise fault("is too long", f"{MAX_ITEM_CHARACTERS:,} characters", at=(index,))
    return items


def _check_fields(item: dict[Any, Any], keys: list[Any] | None, index: int) -> None:
    if keys is None or sorted(map(str, item)) != sorted(map(str, keys)):
        known = ", ".join(map(str, keys)) if keys else "no mapping, as the items before it"
        raise fault("has other keys than the items before it", known, at=(index,))
    for name, value in item.items():
        if not isinstance(name, str) or not re.fullmatch(FIELD, name):
            raise fault(
                f"{shown(name)} is no name of a field", "letters, digits and _", at=(index,)
            )
        if not isinstance(value, (str, int, float)):
            raise fault("is no text, number or flag", at=(index, name))


def item_text(item: Item) -> str:
    """Return an item as the definition holds it: a mapping as JSON."""
    return json.dumps(item) if isinstance(item, dict) else str(item)


def _check_items(value: Any) -> Any:
    text = value.text if isinstance(value, Written) else value
    if isinstance(text, str):
        parts = list(message_parts(text))
        read = parts[0] if len(parts) == 1 else None
        if isinstance(read, str):
            return tuple(check_list(_listed(read)))
        if not isinstance(read, Reference) or read.kind not in (PARAMETERS, OUTPUTS):
            raise fault("is no list", ITEMS_ALLOWED)
        return text
    if not isinstance(value, list):
        raise fault("is no list", ITEMS_ALLOWED)
    return tuple(check_list(value))


def _listed(text: str) -> list[Any]:
    """Return the list that a text holds as JSON, as a parameter's does."""
    try:
        items = json.loads(text)
    except ValueError:
        raise fault("is no list as JSON", ITEMS_ALLOWED) from None
    if not isinstance(items, list):
        raise fault("is no list as JSON", ITEMS_ALLOWED)
    return items


def _check_field(text: str) -> str:
    found = read_reference(text)
    if found is None or found.kind not in (FINAL_METRICS, OUTPUTS):
        raise fault("cannot be compared", "STEP.final_metrics.NAME or STEP.outputs.NAME")
    return text


class Selector(ConfigModel):
    """Which iteration is the best."""

    pick: Literal["MaxBy", "MinBy"]
    """Whether the largest value is the best, or the smallest."""
    field: Annotated[str, AfterValidator(_check_field)]
    """What is compared: `STEP.final_metrics.NAME` or `STEP.outputs.NAME` of a step of the loop."""


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
        Annotated[str, EVALUATED] | tuple[str | int | float | bool | dict[str, Scalar], ...],
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
    def selected(self) -> Reference | None:
        """What the iterations are compared by."""
        return read_reference(self.selector.field) if self.selector is not None else None
