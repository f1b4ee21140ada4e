"""Compiles a pipeline that the app's own Python code builds with the SageMaker SDK.

For code of the app's repository only: a model repository is data and is never imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from smp.compiler.compile import check_compiled
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline, Json, ModelPackageGroup, nested_steps


def compile_sdk_pipeline(
    build: Callable[[Any], Any], code_store: Path, *, internet_egress: bool = False
) -> CompiledPipeline:
    """Compile the SDK `Pipeline` that `build(session)` returns.

    The session is a `PipelineSession` without AWS: what the SDK uploads is packed by content below
    `code_store`. `build` uses `session.role`, `session.subnets`, `session.security_group_ids`,
    `session.kms_key` and `session.default_bucket()` for what only a deployment knows, and imports the
    SDK inside itself. Raises CompileError where the service would refuse a step.
    """
    from smp.compiler.render import define_pipeline
    from smp.compiler.sdk.offline_session import OfflineSession, offline_environment

    session = OfflineSession(CodeStore(code_store))
    with offline_environment():
        pipeline = build(session)
    definition = define_pipeline(pipeline, session)
    compiled = CompiledPipeline(
        name=pipeline.name,
        definition=definition,
        code=tuple(session.trees[key] for key in sorted(session.trees)),
        code_store=code_store,
        model_package_groups=_groups(definition),
        internet_egress=internet_egress,
    )
    check_compiled(compiled, lambda name, problem: replace(problem, path=f"{compiled.name}.{name}"))
    return compiled


def _groups(definition: Json) -> tuple[ModelPackageGroup, ...]:
    """Return the groups that the pipeline registers into by a plain name."""
    names = (
        step["Arguments"].get("ModelPackageGroupName")
        for step in nested_steps(definition["Steps"])
        if step["Type"] == "RegisterModel"
    )
    return tuple(ModelPackageGroup(name) for name in dict.fromkeys(names) if isinstance(name, str))
