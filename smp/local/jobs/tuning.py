"""Runs a Tuning step: one training job after another, with hyperparameters that a search proposes."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from smp.errors import Problem, SmpError
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.jobs.script_mode import OBJECTIVE, is_own_algorithm
from smp.local.jobs.search import STRATEGIES, Proposal, Search, read_ranges
from smp.local.jobs.training import run_training
from smp.local.jobs.trial_runs import TrialRecords, TrialRun
from smp.local.jobs.tuning_result import describe
from smp.local.sandbox.process import Stop

POLL_SECONDS = 0.2


def run_tuning(context: StepContext) -> dict[str, Any]:
    """Run the training jobs and return the DescribeHyperParameterTuningJob answer.

    The jobs that an interrupted attempt of the same step finished are kept, with the tuning job's name.
    Beside that answer's members it has `TrainingJobSummaries`, the best first, as pipelines read them.
    """
    _refuse(context.arguments)
    return _Tuning(context).run()


class _Tuning:
    """One run of a tuning step; only its own thread uses the search."""

    def __init__(self, context: StepContext) -> None:
        config = context.arguments["HyperParameterTuningJobConfig"]
        self.context = context
        self.definition = context.arguments["TrainingJobDefinition"]
        self.limits = config["ResourceLimits"]
        self.objective = config["HyperParameterTuningJobObjective"]
        self.criteria = config.get("TuningJobCompletionCriteria", {})
        self.stops_early = config.get("TrainingJobEarlyStoppingType", "Off") == "Auto"
        self.search = Search(
            read_ranges(config.get("ParameterRanges", {})),
            config["Strategy"],
            maximize=self.maximize,
            seed=config.get("RandomSeed"),
            stops_early=self.stops_early,
        )
        self.trials: list[TrialRun] = []
        self.proposals: dict[int, Proposal] = {}
        self.records = TrialRecords(context)
        self.complete: str | None = None
        self.deadline = time.monotonic() + float(self.limits.get("MaxRuntimeInSeconds", 30 * 86400))

    @property
    def maximize(self) -> bool:
        return bool(self.objective["Type"] == "Maximize")

    def run(self) -> dict[str, Any]:
        most = int(self.limits.get("MaxNumberOfTrainingJobs", self.search.size or 1))
        if self.search.size is not None:
            most = min(most, self.search.size)
        self._take_up()
        parallel = min(int(self.limits["MaxParallelTrainingJobs"]), os.cpu_count() or 1)
        with ThreadPoolExecutor(parallel) as pool:
            try:
                self._run_all(pool, most, parallel)
            except BaseException:
                for trial in self.trials:
                    trial.stop.set()
                raise
        if self.context.stop.is_set():
            raise StepFailure("the run was stopped")
        try:
            return describe(self.context, self.trials, self.objective, self.complete)
        except StepFailure:
            self.records.forget()
            raise

    def _take_up(self) -> None:
        """Keep what an interrupted attempt finished; what it had only begun is proposed again."""
        name, kept = self.records.read(self.objective["MetricName"])
        if name is None:
            return
        self.context = replace(self.context, job_name=name)
        by_number = {trial.number: trial for trial in kept}
        for number in range(1, max(by_number, default=0) + 1):
            proposal = self.search.propose()
            trial = by_number.get(number)
            if trial is None:
                self.proposals[number] = proposal
                continue
            if proposal.values != trial.values:
                proposal = self.search.repeat(proposal, trial.values)
            for value in trial.objective_values():
                proposal.is_hopeless(value)
            self.trials.append(trial)
            self._learn(trial, proposal)
        self._say(f"{name} continues: {len(kept)} of its training jobs had ended")
        self._check_criteria()

    def _run_all(self, pool: ThreadPoolExecutor, most: int, parallel: int) -> None:
        running: dict[Future[None], TrialRun] = {}
        while running or (len(self.trials) < most and not self._is_over()):
            while len(running) < parallel and len(self.trials) < most and not self._is_over():
                trial = self._new_trial()
                running[pool.submit(self._run_trial, trial)] = trial
            finished, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            self._judge(running)
            for future in finished:
                self._end(running.pop(future), future)

    def _is_over(self) -> bool:
        if time.monotonic() >= self.deadline:
            self.complete = self.complete or "MaxRuntimeInSeconds is over"
        return self.complete is not None or self.context.stop.is_set()

    def _new_trial(self) -> TrialRun:
        taken = {trial.number for trial in self.trials}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        if number not in self.proposals:
            self.proposals[number] = self.search.propose()
        proposal = self.proposals[number]
        name = f"{self.context.job_name}-{number:03}-{secrets.token_hex(4)}"
        stop = Stop(self.context.stop)
        trial = TrialRun(name, number, proposal.values, stop, self.objective["MetricName"])
        self.trials.append(trial)
        values = ", ".join(f"{key}={value}" for key, value in trial.values.items())
        self._say(f"{name} begins with {values}")
        return trial

    def _judge(self, running: Mapping[Future[None], TrialRun]) -> None:
        """Stop the jobs that are hopeless, or all once the tuning job is complete."""
        for trial in running.values():
            proposal = self.proposals[trial.number]
            hopeless = [proposal.is_hopeless(value) for value in trial.new_values()]
            if self.stops_early and any(hopeless) and not trial.stop.is_set():
                trial.stopped_early = True
                trial.stop.set()
            elif self._is_over():
                trial.stop.set()

    def _run_trial(self, trial: TrialRun) -> None:
        directory = self.context.directory / trial.name
        directory.mkdir(parents=True)
        context = replace(
            self.context,
            arguments=training_request(
                self.definition, {OBJECTIVE: self.objective["MetricName"], **trial.values}
            ),
            job_name=trial.name,
            directory=directory,
            log=self.context.log.parent / "trials" / f"{trial.name}.txt",
            stop=trial.stop,
            on_line=lambda line: self.context.on_line(f"{trial.name[-12:]}: {line}"),
            metrics=trial.metrics,
        )
        try:
            run_training(context)
            trial.status = "Completed"
        except SmpError as error:
            trial.status = "Stopped" if trial.stop.is_set() else "Failed"
            trial.reason = str(error) if trial.status == "Failed" else None
        finally:
            trial.ended = time.time()
            shutil.rmtree(directory / "ml" / "input" / "data", ignore_errors=True)

    def _end(self, trial: TrialRun, future: Future[None]) -> None:
        future.result()
        self._learn(trial, self.proposals[trial.number])
        if trial.status != "Stopped" or not self.context.stop.is_set():
            self.records.write(trial, self.context.job_name)
        value = trial.value
        shown = f"{trial.objective}={value}" if value is not None else f"no {trial.objective}"
        self._say(f"{trial.name} {trial.status}: {trial.reason or shown}")
        self._check_criteria()

    def _learn(self, trial: TrialRun, proposal: Proposal) -> None:
        value = None if trial.status == "Failed" else trial.value
        self.search.learn(proposal, value, stopped_early=trial.stopped_early)
        if value is not None:
            point = {"name": trial.objective, "value": value, "time": trial.ended}
            self.context.metrics.append(point)

    def _check_criteria(self) -> None:
        """Take note of a completion criterion that is met."""
        sign = 1 if self.maximize else -1
        values = [
            sign * t.value for t in self.trials if t.status == "Completed" and t.value is not None
        ]
        target = self.criteria.get("TargetObjectiveMetricValue")
        if target is not None and values and max(values) >= sign * float(target):
            self.complete = self.complete or "TargetObjectiveMetricValue is reached"
        patience = self.criteria.get("BestObjectiveNotImproving", {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        if patience and values and len(values) - 1 - values.index(max(values)) >= int(patience):
            self.complete = self.complete or "BestObjectiveNotImproving is met"

    def _say(self, line: str) -> None:
        with self.context.log.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")
        self.context.on_line(line)


def training_request(definition: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the request of one training job."""
    passed_on = (
        "AlgorithmSpecification",
        "RoleArn",
        "InputDataConfig",
        "OutputDataConfig",
        "StoppingCondition",
        "CheckpointConfig",
        "Environment",
    )
    resources = definition.get("ResourceConfig")
    if resources is None:
        chosen = definition["HyperParameterTuningResourceConfig"]
        resources = {**chosen, **next(iter(chosen.get("InstanceConfigs", [])), {})}
    return {
        **{name: definition[name] for name in passed_on if name in definition},
        "ResourceConfig": resources,
        "HyperParameters": {**definition.get("StaticHyperParameters", {}), **values},
    }


def _refuse(arguments: Mapping[str, Any]) -> None:
    """Raise StepFailure for what cannot be honoured here."""
    config = arguments["HyperParameterTuningJobConfig"]
    converged = config.get("TuningJobCompletionCriteria", {}).get("ConvergenceDetected", {})
    unsupported = (
        ("WarmStartConfig", "WarmStartConfig" in arguments),
        ("Autotune", arguments.get("Autotune", {}).get("Mode") == "Enabled"),
        ("TrainingJobDefinitions", bool(arguments.get("TrainingJobDefinitions"))),
        ("ConvergenceDetected", converged.get("CompleteOnConvergence") == "Enabled"),
    )
    problems = [
        Problem(f"{name} is honoured by the service only", hint="leave it out of the local run")
        for name, is_given in unsupported
        if is_given
    ]
    if config["Strategy"] not in STRATEGIES:
        allowed = ", ".join(STRATEGIES)
        problems.append(Problem(f"{config['Strategy']} does not run here", allowed=allowed))
    if not problems:
        problems += _objective_faults(config, arguments["TrainingJobDefinition"])
    if problems:
        raise StepFailure(problems)


def _objective_faults(config: Mapping[str, Any], definition: Mapping[str, Any]) -> list[Problem]:
    objective = config.get("HyperParameterTuningJobObjective")
    if objective is None:
        return [Problem("HyperParameterTuningJobObjective: a tuning job here needs one")]
    names = [m["Name"] for m in definition["AlgorithmSpecification"].get("MetricDefinitions", [])]
    reports_its_own = not names and is_own_algorithm(training_request(definition, {}))
    if objective["MetricName"] in names or reports_its_own:
        return []
    return [
        Problem(
            f"the objective {objective['MetricName']} has no metric definition",
            allowed=", ".join(names) or "there is none",
        )
    ]
