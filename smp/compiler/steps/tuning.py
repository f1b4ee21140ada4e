"""Renders Tuning steps: the training job of the `train` section, many times over.

The SDK's tuner drops network, volume key and encryption between containers, so the job's own
request replaces the one of the tuner.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import botocore.session
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.core.shapes import (
    HyperParameterTuningJobWarmStartConfig,
    ParentHyperParameterTuningJob,
)
from sagemaker.mlops.workflow.steps import TrainingStep, TuningStep
from sagemaker.train.tuner import HyperparameterTuner

from smp.compiler.sdk.constants import to_constants
from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.compiler.steps.training import data_channels, job_trainer, whole_channel
from smp.config.sections.train import TrainSection
from smp.config.sections.tune import CategoryRange, Range, TuneSection
from smp.definition.compiled import Json
from smp.definition.hyperparameters import algorithm_text, trial_text
from smp.graph.nodes import StepNode
from smp.graph.step_classes.hyperparameters import start_of

CODE_CHANNEL = "code"
CODE_DIRECTORY = f"/opt/ml/input/data/{CODE_CHANNEL}"
DEFAULT_JOBS = 10

NOT_TUNED = frozenset({"AlgorithmSpecification", "HyperParameters", "TrainingJobName", "Tags"})
"""What a tuned job does not take over from a training job's request."""


class _JobTuningStep(TuningStep):  # type: ignore[misc]
    """A Tuning step whose training jobs are defined as a Training step defines its own."""

    def __init__(
        self, *, job: TrainingStep, output_path: str, tune: TuneSection, **options: Any
    ) -> None:
        super().__init__(**options)
        self._job = job
        self._tune = tune
        self.output_path = output_path

    @property
    def best_model(self) -> list[Any]:
        """The parts of the best job's artifact below the output path."""
        best = self.properties.BestTrainingJob.TrainingJobName
        return [best, "output/model.tar.gz"]

    @property
    def arguments(self) -> Json:
        """The request, with all of the job's own request that a tuned job can have."""
        request = {k: v for k, v in self._job.arguments.items() if k in _members()}
        tuning: Json = dict(super().arguments)
        tuning["TrainingJobDefinition"] = {**tuning["TrainingJobDefinition"], **request}
        tuning["HyperParameterTuningJobConfig"].update(_search_settings(self._tune))
        if self._tune.auto_parameters:
            ranges = tuning["HyperParameterTuningJobConfig"].setdefault("ParameterRanges", {})
            ranges["AutoParameters"] = [
                {"Name": name, "ValueHint": hint}
                for name, hint in self._tune.auto_parameters.items()
            ]
        if self._tune.autotune:
            tuning["Autotune"] = {"Mode": "Enabled"}
        return tuning


def _search_settings(tune: TuneSection) -> Json:
    """Return what the SDK's tuner leaves out: 0 as a seed, a target of 0, and when the search ends."""
    criteria: Json = {}
    if tune.objective.target is not None:
        criteria["TargetObjectiveMetricValue"] = tune.objective.target
    if tune.max_jobs_without_improvement is not None:
        count = tune.max_jobs_without_improvement
        criteria["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": count}
    if tune.stop_on_convergence:
        criteria["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
    settings: Json = {"TuningJobCompletionCriteria": criteria} if criteria else {}
    if tune.seed is not None:
        settings["RandomSeed"] = tune.seed
    if tune.hyperband is not None:
        resources = {
            "MinResource": tune.hyperband.min_resource,
            "MaxResource": tune.hyperband.max_resource,
        }
        given = {name: value for name, value in resources.items() if value is not None}
        settings["StrategyConfig"] = {"HyperbandStrategyConfig": given}
    return settings


@lru_cache(maxsize=1)
def _members() -> frozenset[str]:
    """Return what a tuned job can have of a training job's request."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape: Any = model.shape_for("HyperParameterTrainingJobDefinition")
    return frozenset(shape.members) - NOT_TUNED


def render_tuning(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Tuning step."""
    written, tune = node.model.config.train, node.model.config.tune
    assert written is not None
    assert tune is not None
    section = sdk_view(written)
    channels = data_channels(context, node, section, written)
    constants = _constants(context, written, tune)
    if section.entry_point is not None:
        channels.append(
            whole_channel(CODE_CHANNEL, context.session.add_tree(context.code_tree(node)))
        )
    trainer = job_trainer(context, node, section, hyperparameters=constants)
    job = TrainingStep(
        name=node.emitted[0],
        step_args=trainer.train(input_data_config=channels, wait=False, logs=False),
    )
    return [
        _JobTuningStep(
            job=job,
            tune=tune,
            output_path=trainer.output_data_config.s3_output_path,
            name=node.emitted[0],
            step_args=_tuner(section, tune, trainer).tune(inputs=channels, wait=False),
            cache_config=context.cache_config(node),
            depends_on=context.waits_for(node) or None,
        )
    ]


def _constants(context: StepContext, written: TrainSection, tune: TuneSection) -> dict[str, str]:
    """Return the hyperparameters that no trial changes, as the request has them."""
    values = {**written.hyperparameters, **tune.static_hyperparameters}
    chosen = {name: value for name, value in values.items() if name not in tune.ranges}
    if written.entry_point is None:
        return {name: to_constants(algorithm_text(value)) for name, value in chosen.items()}
    required = {k: v for k, v in start_of(written).required.items() if k not in tune.ranges}
    program = {
        "sagemaker_program": written.entry_point,
        "sagemaker_submit_directory": CODE_DIRECTORY,
    }
    numbers = context.numbers
    return {
        name: to_constants(trial_text(value, numbers))
        for name, value in {**required, **chosen, **program}.items()
    }


def _tuner(section: TrainSection, written: TuneSection, trainer: Any) -> HyperparameterTuner:
    tune = sdk_view(written)
    metrics = [{"Name": m.name, "Regex": m.regex} for m in section.metric_definitions]
    is_grid = tune.strategy == "Grid"
    return HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name=tune.objective.metric,
        objective_type=tune.objective.type,
        hyperparameter_ranges={
            name: _range(one, by_script=section.entry_point is not None)
            for name, one in written.ranges.items()
        },
        metric_definitions=metrics or None,
        strategy=tune.strategy,
        max_jobs=None if is_grid else tune.max_jobs or DEFAULT_JOBS,
        max_parallel_jobs=tune.max_parallel_jobs,
        max_runtime_in_seconds=tune.max_runtime_seconds,
        early_stopping_type=tune.early_stopping,
        base_tuning_job_name=tune.base_job_name,
        warm_start_config=_warm_start(tune),
        autotune=tune.autotune,
        tags=sdk_tags(tune.tags),
    )


def _range(written: Range, *, by_script: bool) -> Any:
    """Return a range as the SDK has it: its ends are text in the request, as parameters are there."""
    if isinstance(written, CategoryRange):
        as_text = trial_text if by_script else algorithm_text
        return CategoricalParameter([to_constants(as_text(value)) for value in written.values])
    kind = IntegerParameter if written.type == "integer" else ContinuousParameter
    return kind(str(written.min), str(written.max), scaling_type=written.scaling)


def _warm_start(tune: TuneSection) -> HyperParameterTuningJobWarmStartConfig | None:
    if tune.warm_start is None:
        return None
    return HyperParameterTuningJobWarmStartConfig(
        warm_start_type=tune.warm_start.type,
        parent_hyper_parameter_tuning_jobs=[
            ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name=name)
            for name in tune.warm_start.parents
        ],
    )
