"""Texts with values of an execution in them: `AUC ${evaluate.metrics.auc} is below 0.85`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smp.config.values.base import fault
from smp.config.values.condition import Reference, read_reference

HOLE = re.compile(r"\$\{([^{}]*)\}")
DEPLOY_TIME = "smp:"
"""How the names begin that placeholders (`SMP_S3BUCKETNAME`) became; nobody writes one by hand."""


def message_parts(text: str) -> Iterator[str | Reference]:
    """Yield the texts and references of a message, in order."""
    at = 0
    for match in HOLE.finditer(text):
        reference = read_reference(match[1])
        if reference is None:
            continue
        if match.start() > at:
            yield text[at : match.start()]
        yield reference
        at = match.end()
    if at < len(text):
        yield text[at:]


def check_message(text: str) -> str:
    """Return a text whose every `${…}` is a reference, or a deploy-time name, as it is."""
    for match in HOLE.finditer(text):
        if read_reference(match[1]) is None and not match[1].startswith(DEPLOY_TIME):
            raise fault(
                f"holds '{match[0]}', which is not a value of an execution",
                "${STEP.metrics.PATH}, ${STEP.reports.NAME.PATH}, ${STEP.final_metrics.NAME}, "
                '${STEP.final_metrics["NAME"]}, ${STEP.outputs.NAME} and ${parameters.NAME}',
            )
    return text
