"""What the steps of all checks have in common, and what a registered version keeps of them."""

from __future__ import annotations

from typing import Any

from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.model_metrics import FileSource, MetricsSource

from smp.compiler.steps.clarify_analysis import monitored_config
from smp.compiler.steps.context import StepContext
from smp.config.steps.baseline_check import CheckStep
from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.definition.compiled import Json
from smp.graph.nodes import StepNode, model_package_group_name

RESULTS = "results"
FLAGS = ("skip_check", "fail_on_violation", "register_new_baseline")
"""They go into the step as they are written: the SDK has no constant for a flag that varies."""
JSON = "application/json"
STATISTICS, CONSTRAINTS = "Statistics", "Constraints"

METRICS = {
    "data_quality": ("model_data_statistics", "model_data_constraints"),
    "model_quality": ("model_statistics", "model_constraints"),
    "data_bias": ("bias_pre_training",),
    "model_bias": ("bias_post_training",),
    "model_explainability": ("explainability",),
}
"""The arguments of ModelMetrics that each check's new baseline fills: its constraints come last."""
BASELINES = {
    **METRICS,
    "data_bias": ("bias_pre_training_constraints",),
    "model_bias": ("bias_post_training_constraints",),
    "model_explainability": ("explainability_constraints",),
}
"""Those of DriftCheckBaselines that what it compared with fills."""
CONFIG_FILES = {
    "data_bias": "bias_config_file",
    "model_bias": "bias_config_file",
    "model_explainability": "explainability_config_file",
}
"""Those of DriftCheckBaselines that the configuration of the analysis fills; model_bias comes last."""


def dataset_of(context: StepContext, node: StepNode, config: CheckStep) -> Any:
    """Return what a check looks at: an address, or what a step puts out."""
    if config.baseline_dataset is not None:
        return config.baseline_dataset
    wanted = (chain for chain in node.chained if config.chain_output in (None, chain.output))
    return context.uri_of(node, next(wanted))


def baseline_group(context: StepContext, node: StepNode, config: CheckStep) -> str | None:
    """Return the group whose approved version brings the baseline."""
    if config.model_package_group is not None:
        return config.model_package_group
    if node.model.config.registry is None:
        return None
    return model_package_group_name(context.graph.pipeline, node.model)


def as_written(flag: Any) -> Any:
    """Return a flag, or the reference to it."""
    return flag if isinstance(flag, bool) else str(flag)


def check_network(context: StepContext) -> Json:
    """Return the network of a check's job, which the SDK cannot write."""
    return {
        "EnableInterContainerTrafficEncryption": True,
        "EnableNetworkIsolation": False,
        "VpcConfig": {"SecurityGroupIds": context.security_groups, "Subnets": context.subnets},
    }


def registered_metrics(context: StepContext, node: StepNode) -> dict[str, MetricsSource]:
    """Return the new baselines that a version keeps as its metrics, by argument of ModelMetrics."""
    return {
        name: _source(context.made[check.name][-1].properties, f"CalculatedBaseline{kind}")
        for check in _checks(context, node)
        for name, kind in _kinds(METRICS[_kind_of(check)])
    }


def drift_baselines(context: StepContext, node: StepNode) -> DriftCheckBaselines | None:
    """Return what later executions compare with, if the version's pipeline has checks."""
    found: dict[str, Any] = {}
    analysed: dict[str, StepNode] = {}
    for check in sorted(_checks(context, node), key=_kind_of):
        properties = context.made[check.name][-1].properties
        for name, kind in _kinds(BASELINES[_kind_of(check)]):
            found[name] = _source(properties, f"BaselineUsedForDriftCheck{kind}")
        if _kind_of(check) in CONFIG_FILES:
            analysed[CONFIG_FILES[_kind_of(check)]] = check
    for name, check in analysed.items():
        assert isinstance(check.config, ClarifyCheckStep)
        uri = monitored_config(context, check.copy_of or check.name, check.config)
        found[name] = FileSource(s3_uri=uri, content_type=JSON)
    return DriftCheckBaselines(**found) if found else None


def _kinds(names: tuple[str, ...]) -> list[tuple[str, str]]:
    kinds = (STATISTICS, CONSTRAINTS)[-len(names) :]
    return list(zip(names, kinds, strict=True))


def _checks(context: StepContext, node: StepNode) -> list[StepNode]:
    found = (context.graph.node(name) for _, name in node.reports)
    return [check for check in found if isinstance(check.config, CheckStep)]


def _kind_of(check: StepNode) -> str:
    assert isinstance(check.config, CheckStep)
    return check.config.check


def _source(properties: Any, name: str) -> MetricsSource:
    return MetricsSource(content_type=JSON, s3_uri=getattr(properties, name))
