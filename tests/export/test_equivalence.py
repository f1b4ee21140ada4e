"""Random pipelines do the same wherever they run: jobs, requests, order, and the sides that were taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.definition.compiled import CompiledPipeline
from tests.export.definitions import (
    compare,
    condition,
    fail,
    get,
    join,
    model,
    output_of,
    parameter,
    pipeline,
    processing,
    register,
    training,
    transform,
    value_of,
)
from tests.export.engines.local_run import run_locally
from tests.export.engines.ran import Story, order_faults
from tests.export.engines.state_machine import run_as_state_machine
from tests.export.step_functions import Engine, deployed

Json = dict[str, Any]
PARAMETERS = [
    parameter("mode", DefaultValue="fast", EnumValues=["fast", "full"]),
    parameter("rows", "Integer", DefaultValue=10),
    parameter("rate", "Float", DefaultValue=0.25),
    parameter("check", "Boolean", DefaultValue=True),
]
SCORES = (0.1, 0.5, 0.9)


@dataclass
class _Drawn:
    """A pipeline while it is drawn: the steps that later ones may use, by kind."""

    draw: Any
    count: int = 0
    names: dict[str, list[str]] = field(default_factory=dict)
    reports: dict[str, Json] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)

    def pick(self, kind: str) -> str | None:
        known = self.names.get(kind, [])
        return self.draw(st.sampled_from(known)) if known else None

    def step(self, *, nested: bool = False) -> Json:
        kinds = ["processing", "training"]
        kinds += ["model", "register"] if self.names.get("training") else []
        kinds += ["transform"] if self.names.get("model") else []
        kinds += [] if nested else ["condition", "condition"]
        kind = self.draw(st.sampled_from(kinds))
        name = f"{kind[:4]}-{self.count}"
        self.count += 1
        made: Json = getattr(self, f"_{kind}")(name)
        if kind != "condition":
            self._more_edges(made)
            self.names.setdefault(kind, []).append(name)
            self.names.setdefault("any", []).append(name)
            self.jobs.append(name)
        return made

    def _more_edges(self, made: Json) -> None:
        known = self.names.get("any", [])
        waits: dict[str, Any] = {}
        for above in self.draw(st.lists(st.sampled_from(known), max_size=2)) if known else []:
            trigger = self.draw(st.sampled_from(["Completed", "Completed", "Failed", "Any"]))
            waits[above] = {"Step": above, "Trigger": trigger}
        read = str(made["Arguments"])
        waits = {above: item for above, item in waits.items() if f"Steps.{above}." not in read}
        if waits:
            made["DependsOn"] = list(waits.values())

    def _processing(self, name: str) -> Json:
        source = self.pick("processing")
        data = output_of(source) if source else join("s3://raw", get("Parameters.mode"))
        environment: Json = {
            "ID": get("Execution.PipelineExecutionId"),
            "ROWS": join("", get("Parameters.rows"), on=""),
            "RATE": join("rate", get("Parameters.rate"), get("Parameters.check"), on=":"),
        }
        report = self.pick("processing")
        if report and self.draw(st.booleans()):
            environment["SCORE"] = join("", value_of(report, "a['the score']"), on="")
        fitted = self.pick("training")
        if fitted and self.draw(st.booleans()):
            metric = get(f"Steps.{fitted}.FinalMetricDataList['auc'].Value")
            environment["AUC"] = join("", metric, on="")
        score = self.draw(st.sampled_from([*SCORES, None, "absent"]))
        self.reports[name] = {} if score == "absent" else {"a": {"the score": score}}
        return processing(name, data, environment=environment)

    def _training(self, name: str) -> Json:
        source = self.pick("processing")
        self.metrics[name] = self.draw(st.sampled_from([*SCORES, None]))
        made = training(name, output_of(source) if source else "s3://smp-data/data")
        made["Arguments"]["ResourceConfig"]["VolumeSizeInGB"] = get("Parameters.rows")
        return made

    def _model(self, name: str) -> Json:
        return model(name, str(self.pick("training")))

    def _register(self, name: str) -> Json:
        return register(name, str(self.pick("training")))

    def _transform(self, name: str) -> Json:
        return transform(name, str(self.pick("model")))

    def _condition(self, name: str) -> Json:
        asked = [self._comparison() for _ in range(self.draw(st.integers(1, 2)))]
        if len(asked) > 1 and self.draw(st.booleans()):
            asked = [{"Type": "Or", "Conditions": asked}]
        return condition(name, asked, self._side(name, "yes"), self._side(name, "no"))

    def _comparison(self) -> Json:
        left: Json = get("Parameters.rows")
        right: Any = self.draw(st.sampled_from([1, 10, 100]))
        report, fitted = self.pick("processing"), self.pick("training")
        how = self.draw(st.sampled_from(["parameter", "report", "metric", "in"]))
        if how == "report" and report:
            left, right = value_of(report, "a['the score']"), 0.5
        elif how == "metric" and fitted:
            left, right = get(f"Steps.{fitted}.FinalMetricDataList['auc'].Value"), 0.5
        elif how == "in":
            return {"Type": "In", "QueryValue": get("Parameters.mode"), "Values": ["full", "x"]}
        kinds = ["GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo", "Equals"]
        asked = compare(left, self.draw(st.sampled_from(kinds)), right)
        return {"Type": "Not", "Condition": asked} if self.draw(st.booleans()) else asked

    def _side(self, gate: str, side: str) -> list[Json]:
        """Return steps of one side, which nothing outside of it may use."""
        before = {kind: list(names) for kind, names in self.names.items()}
        steps = [self.step(nested=True) for _ in range(self.draw(st.integers(0, 2)))]
        self.names = before
        if not steps and self.draw(st.booleans()):
            steps.append(fail(f"fail-{gate}-{side}", join("mode", get("Parameters.mode"), on=" ")))
        return steps


@st.composite
def stories(draw: Any) -> tuple[CompiledPipeline, Story]:
    """A pipeline and what happens to it."""
    drawn = _Drawn(draw)
    steps = [drawn.step() for _ in range(draw(st.integers(2, 6)))]
    most = draw(st.sampled_from([None, None, 1, 2]))
    compiled = pipeline(*steps, parameters=PARAMETERS, most=most)
    values = {"mode": "full", "rows": 100, "rate": 0.125, "check": False}
    names = draw(st.lists(st.sampled_from(sorted(values)), unique=True))
    failing = draw(st.lists(st.sampled_from(drawn.jobs), max_size=2)) if drawn.jobs else []
    story = Story(
        {n: values[n] for n in names}, drawn.reports, drawn.metrics, failing=frozenset(failing)
    )
    return replace(compiled, definition=deployed(compiled.definition)), story


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(told=stories())
def test_a_pipeline_does_the_same_on_step_functions_as_here(
    told: tuple[CompiledPipeline, Story],
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    compiled, story = told
    here = run_locally(compiled, story, tmp_path_factory.mktemp("local"))
    there = run_as_state_machine(compiled, story, engine)
    assert sorted(there.requests) == sorted(here.requests)
    assert (there.requests, there.outcomes) == (here.requests, here.outcomes)
    assert there.succeeded == here.succeeded
    assert order_faults(compiled, here) == []
    assert order_faults(compiled, there) == []


def test_fails_where_a_step_began_too_early(tmp_path: Path) -> None:
    """The comparison itself: a step that does not wait is found."""
    compiled = pipeline(processing("first"), processing("second", output_of("first")))
    compiled = replace(compiled, definition=deployed(compiled.definition))
    ran = run_locally(compiled, Story(), tmp_path)
    assert order_faults(compiled, ran) == []
    early = replace(ran, spans={**ran.spans, "second": (0, 9)})
    assert order_faults(compiled, early) == ["second before first"]
