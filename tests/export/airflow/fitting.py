"""A pipeline that MWAA Serverless can run."""

from __future__ import annotations

from dataclasses import replace

from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import Schedule
from tests.export import definitions as d

SCHEDULE = Schedule("daily", target="airflow", expression="cron(30 5 ? * MON-FRI *)")


def fitting_pipeline() -> CompiledPipeline:
    """Return a pipeline of all step types that it takes, with parameters and a schedule."""
    fit = d.training("fit", d.output_of("prepare"))
    fit["Arguments"]["ResourceConfig"]["InstanceCount"] = d.get("Parameters.machines")
    compiled = d.pipeline(
        d.processing("prepare", d.get("Parameters.raw"), f"{d.BUCKET}/data"),
        fit,
        d.tuning("search", d.output_of("prepare")),
        d.model("make", "fit"),
        d.transform("predict", "make"),
        d.delete_model("remove", "make", DependsOn=["predict"]),
        parameters=[
            d.parameter("raw", DefaultValue=f"{d.BUCKET}/raw"),
            d.parameter("machines", "Integer", DefaultValue=1),
        ],
    )
    return replace(compiled, description="What fits", triggers=(SCHEDULE,))
