"""Composes the configuration files of SageMaker Clarify's analyses and packs them by their content.

It holds no value that varies: the files exist before any execution.
"""

from __future__ import annotations

import json
from typing import Any

from sagemaker.core import clarify
from sagemaker.core.model_monitor import BiasAnalysisConfig, ExplainabilityAnalysisConfig

from smp.compiler.steps.context import StepContext
from smp.config.steps.clarify_analysis import Predictor
from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.definition import deploy_values
from smp.definition.compiled import Json

FILE = "analysis_config.json"
TYPES = {
    "csv": "text/csv",
    "json_lines": "application/jsonlines",
    "json": "application/json",
    "parquet": "application/x-parquet",
}
NAMED_BY_SERVICE = "named-by-the-service"
"""Used for the model's name, which the step has: the file is the same for every execution."""
REPORT = {"name": "report", "title": "Analysis Report"}


def analysis_config(context: StepContext, name: str, config: ClarifyCheckStep) -> str:
    """Pack the configuration that a check's job reads and return its address."""
    content = {**_data(config).get_config(), **_analysis(config)}
    content["methods"]["report"] = REPORT
    return _packed(context, content, f"analysis of {name}")


def monitored_config(context: StepContext, name: str, config: ClarifyCheckStep) -> str:
    """Pack the configuration by which a registered version is checked later; return its address."""
    return _packed(context, _monitored(config), f"registered analysis of {name}")


def _packed(context: StepContext, content: Json, origin: str) -> str:
    text = json.dumps(content, indent=1) + "\n"
    templates = frozenset({FILE} if deploy_values.names_in(text) else ())
    tree = context.store.add_files({FILE: text.encode()}, origin, templates)
    return f"{context.session.add_tree(tree)}/{FILE}"


def _data(config: ClarifyCheckStep) -> clarify.DataConfig:
    return clarify.DataConfig(
        s3_data_input_path="",
        s3_output_path="",
        label=config.label,
        headers=list(config.headers) or None,
        features=config.features,
        dataset_type=TYPES[config.dataset_format],
        joinsource=config.joinsource_name_or_index,
        excluded_columns=list(config.excluded_columns) or None,
    )


def _analysis(config: ClarifyCheckStep) -> Json:
    bias = {"methods": list(config.methods) or "all"}
    if config.check == "data_bias":
        return {**_bias(config).get_config(), "methods": {"pre_training_bias": bias}}
    threshold, answer = _answer(config).get_predictor_config()
    asked: Json = {"predictor": {**answer, **_asked(config.predictor)}}
    if threshold is not None:
        asked["probability_threshold"] = threshold
    if config.check == "model_bias":
        methods = {"post_training_bias": bias}
        return {**_bias(config).get_config(), **asked, "methods": methods}
    return {**asked, "methods": _shap(config).get_explainability_config()}


def _monitored(config: ClarifyCheckStep) -> Json:
    if config.check != "model_explainability":
        headers = list(config.headers) or None
        bias = BiasAnalysisConfig(_bias(config), headers=headers, label=config.label)
        return dict(bias._to_dict())
    features = _feature_names(config) or None
    explained = ExplainabilityAnalysisConfig(_shap(config), _model(config.predictor), features)
    return {**explained._to_dict(), "predictor": _asked(config.predictor)}


def _feature_names(config: ClarifyCheckStep) -> list[str]:
    """Return the columns that the model is sent: without the label and what is excluded."""
    left_out = (config.label, *config.excluded_columns)
    return [
        name
        for index, name in enumerate(config.headers)
        if name not in left_out and index not in left_out
    ]


def _bias(config: ClarifyCheckStep) -> clarify.BiasConfig:
    return clarify.BiasConfig(
        label_values_or_threshold=list(config.label_values_or_threshold),
        facet_name=[facet.name_or_index for facet in config.facet],
        facet_values_or_threshold=[list(f.value_or_threshold) or None for f in config.facet],
        group_name=config.group_variable,
    )


def _answer(config: ClarifyCheckStep) -> clarify.ModelPredictedLabelConfig:
    return clarify.ModelPredictedLabelConfig(
        label=config.predictor.label,
        probability=config.predictor.probability,
        probability_threshold=config.probability_threshold,
        label_headers=list(config.predictor.label_headers) or None,
    )


def _model(predictor: Predictor) -> clarify.ModelConfig:
    return clarify.ModelConfig(
        model_name=NAMED_BY_SERVICE,
        instance_type=predictor.instance_type,
        instance_count=predictor.initial_instance_count,
        accept_type=predictor.accept_type,
        content_type=predictor.content_type,
        content_template=predictor.content_template,
        record_template=predictor.record_template,
        custom_attributes=predictor.custom_attributes,
    )


def _asked(predictor: Predictor) -> Json:
    asked: Json = _model(predictor).get_predictor_config()
    del asked["model_name"]
    return asked


def _shap(config: ClarifyCheckStep) -> clarify.SHAPConfig:
    shap = config.shap
    baseline: Any = shap.baseline
    return clarify.SHAPConfig(
        baseline=baseline if isinstance(baseline, str | None) else [list(row) for row in baseline],
        num_samples=shap.num_samples,
        agg_method=shap.agg_method,
        use_logit=shap.use_logit,
        save_local_shap_values=shap.save_local_shap_values,
        seed=shap.seed,
        num_clusters=shap.num_clusters,
        features_to_explain=list(shap.features_to_explain) or None,
    )
