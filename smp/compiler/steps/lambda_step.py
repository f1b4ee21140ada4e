"""Renders a step that calls a Lambda function, for every class that needs one.

It never makes or changes a function: the SDK would, were it not given only an ARN. Without a session the
SDK creates one, with clients, which takes a second for each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker.core.lambda_helper import Lambda
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.mlops.workflow.steps import CacheConfig

from smp.compiler.sdk.offline_session import OfflineSession
from smp.definition.expressions import ParameterType


def function_step(
    session: OfflineSession,
    name: str,
    function_arn: str,
    arguments: Mapping[str, Any],
    outputs: Mapping[str, ParameterType],
    depends_on: Sequence[Any] | None = None,
    cache_config: CacheConfig | None = None,
) -> LambdaStep:
    """Return the step; a later one reads an output as `step.properties.Outputs[NAME]`."""
    return LambdaStep(
        name=name,
        lambda_func=Lambda(function_arn=function_arn, session=session),
        inputs=dict(arguments),
        outputs=[LambdaOutput(key, LambdaOutputTypeEnum[kind]) for key, kind in outputs.items()],
        cache_config=cache_config,
        depends_on=list(depends_on) if depends_on else None,
    )
