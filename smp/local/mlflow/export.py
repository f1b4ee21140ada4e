"""Logs a run to an MLflow tracking server or store, and logs it again as the same MLflow run.

It imports MLflow only when a run is logged, and never changes what the run itself came to.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from smp.errors import Problem, RunError
from smp.local.mlflow.facts import Logged, logged_run
from smp.local.report import render_report
from smp.local.store.places import Places
from smp.local.store.run_store import Run
from smp.text.atomic_file import write_atomically

TRACKING_URI = "MLFLOW_TRACKING_URI"

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""In force where the environment does not say otherwise. MLflow's own seven retries take four minutes."""

MOST_METRICS, MOST_PAIRS = 500, 50
"""Of one request; the server takes 1,000 metrics, 100 parameters and 100 tags, and 1 MB."""

PARENT = "mlflow.parentRunId"

_Item = TypeVar("_Item")


def export_run(run: Run, places: Places, uri: str) -> str:
    """Log a run and return a sentence on where; raises RunError where MLflow does not take it.

    Experiment, run name and tags come from the run. What was logged to that URI before is updated: the
    ids of the MLflow runs are kept in `mlflow.json` of the run's directory.
    """
    try:
        compiled = run.unrolled(places.code)
        facts = logged_run(run, compiled, places)
        report = render_report(run, compiled, places, run.directory)
        with _quiet():
            export = _Export(run.directory / "mlflow.json", uri)
            return export.send(facts, compiled.name, report)
    except Exception as error:
        raise RunError([_problem(run, uri, error)]) from error


def _problem(run: Run, uri: str, error: Exception) -> Problem:
    shown, reason = _without_password(uri, uri), _without_password(str(error), uri).strip()
    if isinstance(error, ImportError):
        return Problem(
            f"run {run.id} was not logged to MLflow: {reason}", hint="pip install mlflow"
        )
    again = shlex.join(["smp", "mlflow", run.id, "--uri", shown])
    return Problem(
        f"run {run.id} was not logged to MLflow at {shown}: {reason or type(error).__name__}",
        hint=f"mend that, then log it again: {again}",
    )


def _without_password(text: str, uri: str) -> str:
    try:
        password = urlsplit(uri).password
    except ValueError:
        return text
    return text.replace(f":{password}@", ":***@") if password else text


class _Export:
    """One destination, and what is known to be there."""

    def __init__(self, file: Path, uri: str) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=uri)
        self.file = file
        self.all_known = json.loads(file.read_text("utf-8")) if file.exists() else {}
        destination = hashlib.sha256(uri.encode()).hexdigest()[:16]
        self.known: dict[str, dict[str, Any]] = self.all_known.setdefault(destination, {})

    def send(self, facts: Logged, pipeline: str, report: str) -> str:
        experiment = self._experiment(pipeline)
        run_id = self._begin(facts, experiment)
        for child in facts.children:
            self._send_child(child, experiment, run_id)
        self._forget_others(facts)
        self._fill(run_id, facts)
        self.client.log_text(run_id, report, "report.html")
        self._end(run_id, facts)
        return f"MLflow: experiment {pipeline}, run {facts.name} ({run_id})"

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def _begin(self, facts: Logged, experiment: str) -> str:
        """Return the id of the pipeline run's MLflow run, made where there is none."""
        known = self.known.get("")
        if known is not None and self._is_there(known["run_id"]):
            return str(known["run_id"])
        self.known.clear()
        return self._create(facts, experiment, {})

    def _is_there(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False

    def _create(self, facts: Logged, experiment: str, tags: dict[str, str]) -> str:
        started = round(facts.started * 1000)
        run = self.client.create_run(experiment, started, tags, run_name=facts.name)
        self.known[facts.key] = {"run_id": run.info.run_id, "ended": None}
        self._save()
        return str(run.info.run_id)

    def _send_child(self, facts: Logged, experiment: str, parent: str) -> None:
        """Log a step or trial; one that was logged whole and has not run again stays as it is."""
        known = self.known.get(facts.key)
        if known is not None and known["ended"] == facts.ended is not None:
            run_id = str(known["run_id"])
            self.client.set_tag(run_id, PARENT, parent)
        else:
            self._forget(facts.key)
            run_id = self._create(facts, experiment, {PARENT: parent})
            self._fill(run_id, facts)
            self._end(run_id, facts)
        for child in facts.children:
            self._send_child(child, experiment, run_id)

    def _forget_others(self, facts: Logged) -> None:
        kept = {item.key for item in _all_of(facts)}
        for key in [key for key in self.known if key not in kept]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        """Delete what was logged of a step or trial that has run again."""
        known = self.known.get(key)
        if known is not None and self._is_there(known["run_id"]):
            self.client.delete_run(known["run_id"])
        if self.known.pop(key, None) is not None:
            self._save()

    def _fill(self, run_id: str, facts: Logged) -> None:
        from mlflow.entities import Metric, Param, RunTag

        there = self.client.get_run(run_id).data
        new = [point for point in facts.points if there.metrics.get(point.name) != point.value]
        whole = new if not facts.key else list(facts.points)
        tags = [RunTag(*pair) for pair in facts.tags.items()]
        parameters = [Param(*pair) for pair in facts.parameters.items()]
        metrics = [Metric(p.name, p.value, p.milliseconds, p.index) for p in whole]
        for part in _parts(tags, MOST_PAIRS):
            self.client.log_batch(run_id, tags=part)
        for part in _parts(parameters, MOST_PAIRS):
            self.client.log_batch(run_id, params=part)
        for some in _parts(metrics, MOST_METRICS):
            self.client.log_batch(run_id, metrics=some)
        for stale in there.tags.keys() - facts.tags.keys():
            if stale.startswith("smp."):
                self.client.delete_tag(run_id, stale)
        for file, directory in facts.artifacts:
            self.client.log_artifact(run_id, str(file), directory)

    def _end(self, run_id: str, facts: Logged) -> None:
        """Give the MLflow run its status, and note that all of it is there."""
        if facts.ended is None:
            self.client.update_run(run_id, status=facts.status)
        else:
            self.client.set_terminated(run_id, facts.status, round(facts.ended * 1000))
        self.known[facts.key]["ended"] = facts.ended
        self._save()

    def _save(self) -> None:
        write_atomically(self.file, json.dumps(self.all_known, indent=1) + "\n")


def _all_of(facts: Logged) -> Iterator[Logged]:
    yield facts
    for child in facts.children:
        yield from _all_of(child)


def _parts(items: Sequence[_Item], most: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


@contextmanager
def _quiet() -> Iterator[None]:
    """Apply SETTINGS, and keep MLflow's and its database tools' remarks from the terminal."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import mlflow  # noqa: F401

            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name in added:
            os.environ.pop(name, None)
