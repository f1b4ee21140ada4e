"""The section of each setting of a step in a review, and its name there.

What no rule names goes under "other settings": a setting is never left out.
"""

from __future__ import annotations

from smp.definition.differences import Difference, Path
from smp.definition.step_types import REGISTER_MODEL, row_named
from smp.review.diff.changes import Change, Section

_NAMED_BY_AUTHOR = {
    "HyperParameters": Section.HYPERPARAMETERS,
    "StaticHyperParameters": Section.HYPERPARAMETERS,
    "HyperParameterRanges": Section.HYPERPARAMETERS,
    "ParameterRanges": Section.HYPERPARAMETERS,
    "Environment": Section.ENVIRONMENT,
}
"""Keys below which the author of a config chooses the names: no other rule looks at those."""

_BY_LAST_KEY = {
    "KmsKeyId": Section.ENCRYPTION,
    "VolumeKmsKeyId": Section.ENCRYPTION,
    "RoleArn": Section.ROLE,
    "ExecutionRoleArn": Section.ROLE,
    "Image": Section.IMAGE,
    "ImageUri": Section.IMAGE,
    "TrainingImage": Section.IMAGE,
    "AlgorithmName": Section.IMAGE,
    "ContainerEntrypoint": Section.COMMAND,
    "ContainerArguments": Section.COMMAND,
    "EnableNetworkIsolation": Section.NETWORK,
    "EnableInterContainerTrafficEncryption": Section.NETWORK,
    "executionRoleArn": Section.ROLE,
    "encryptionKeyArn": Section.ENCRYPTION,
    "imageUri": Section.IMAGE,
    "executionTimeoutMinutes": Section.INSTANCES,
    "MaxConcurrency": Section.INSTANCES,
    "ModelDataUrl": Section.INPUTS,
    "ModelName": Section.INPUTS,
    "SuppliedBaselineStatistics": Section.INPUTS,
    "SuppliedBaselineConstraints": Section.INPUTS,
}

_BY_KEY = {
    "RetryPolicies": Section.RETRIES,
    "CacheConfig": Section.CACHE,
    "Conditions": Section.CONDITIONS,
    "IterableItems": Section.INPUTS,
    "jobDriver": Section.COMMAND,
    "logUri": Section.OUTPUTS,
    "initialCapacity": Section.INSTANCES,
    "maximumCapacity": Section.INSTANCES,
    "networkConfiguration": Section.NETWORK,
    "VpcConfig": Section.NETWORK,
    "NetworkConfig": Section.NETWORK,
    "ModelDataSource": Section.INPUTS,
    "InputDataConfig": Section.INPUTS,
    "ProcessingInputs": Section.INPUTS,
    "TransformInput": Section.INPUTS,
    "OutputDataConfig": Section.OUTPUTS,
    "ProcessingOutputConfig": Section.OUTPUTS,
    "TransformOutput": Section.OUTPUTS,
    "CheckpointConfig": Section.OUTPUTS,
    "PropertyFiles": Section.OUTPUTS,
    "OutputParameters": Section.OUTPUTS,
    "ResourceConfig": Section.INSTANCES,
    "HyperParameterTuningResourceConfig": Section.INSTANCES,
    "ProcessingResources": Section.INSTANCES,
    "TransformResources": Section.INSTANCES,
    "ResourceLimits": Section.INSTANCES,
    "StoppingCondition": Section.INSTANCES,
    "EnableManagedSpotTraining": Section.INSTANCES,
}

_WITHOUT_MEANING = frozenset(
    {
        *("AlgorithmSpecification", "AppSpecification", "InferenceSpecification"),
        *(
            "PrimaryContainer",
            "VpcConfig",
            "Arguments",
            "ClusterConfig",
            "DataSource",
            "Outputs",
            "S3DataSource",
            "S3Input",
        ),
        *("S3Output", "TrainingJobDefinition", "HyperParameterTuningJobConfig"),
        *("JobConfig", "ApplicationConfig", "configurationOverrides"),
    }
)
"""Keys that add nothing to the section and the other keys."""


def section_of(path: Path, step_type: str) -> Section:
    """Return the section of a setting, given the keys that lead to it from the step."""
    if _is_handed_over(path, step_type):
        return Section.INPUTS
    for key in path:
        if key in _NAMED_BY_AUTHOR:
            return _NAMED_BY_AUTHOR[key]
    for key in path[::-1]:
        if not key.startswith("["):
            break
    if key in _BY_LAST_KEY:
        return _BY_LAST_KEY[key]
    for key in path:
        if key in _BY_KEY:
            return _BY_KEY[key]
    return (
        Section.REGISTRY
        if step_type == REGISTER_MODEL.name and path[:1] == ("Arguments",)
        else Section.OTHER
    )


def step_setting(difference: Difference, step_type: str) -> Change:
    """Return a difference between two steps as a change with a section and a short name."""
    path = difference.path
    section = section_of(path, step_type)
    name = path[1] if _is_handed_over(path, step_type) else short_name(path, section)
    return Change(section, name, difference.before, difference.after, difference.name)


def _is_handed_over(path: Path, step_type: str) -> bool:
    """Return whether it is an input of a function or queue, whose name is the author's."""
    return row_named(step_type).is_external and path[:1] == ("Arguments",) and len(path) > 1


def short_name(path: Path, section: Section) -> str:
    """Return a setting's name without what its section shows already."""
    implied = {key for key, named in {**_BY_KEY, **_NAMED_BY_AUTHOR}.items() if named is section}
    kept = [key for key in path if key not in _WITHOUT_MEANING and key not in implied]
    shown = kept or list(path[-1:])
    text = ""
    for part in shown:
        if part.startswith("[") and part[1:-1].isdigit():
            text += part
        else:
            name = part[1:-1] if part.startswith("[") else part
            text += f".{name}" if text else name
    return text
