"""The names of the jobs and models that a DAG creates: what permissions name, and what runs make unique."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from smp.export.workflow import Workflow

SUFFIX_LENGTH = len("-261122050000-99")
"""What a run adds at most: its time on MWAA Serverless, eight digits of its hash elsewhere; and the try."""


def job_bases(workflow: Workflow) -> Mapping[str, str]:
    """Return what the names of each step's jobs begin with, by the step's name."""
    return {
        task.name: _base(workflow.name, task.name, call.longest_name - SUFFIX_LENGTH)
        for task in workflow.tasks
        if (call := task.type.call) and call.name_member
    }


def _base(pipeline: str, step: str, longest: int) -> str:
    """Return `pipeline-step` in small letters, as ARNs have it; one that is too long ends in its hash."""
    whole = step if step.startswith(f"{pipeline}-") else f"{pipeline}-{step}"
    name = re.sub("[^a-z0-9]+", "-", whole.lower()).strip("-")
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(f"{pipeline} {step}".encode()).hexdigest()[:6]
    return f"{name[: longest - 7].rstrip('-')}-{digest}"
