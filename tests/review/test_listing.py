"""The listing of a compiled pipeline's steps."""

from __future__ import annotations

from dataclasses import replace

from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import ApprovedModel, DataArrival, Schedule
from smp.review.listing import render_steps


def test_steps_stand_in_order_with_what_each_waits_for(housing_pipeline: CompiledPipeline) -> None:
    assert render_steps(housing_pipeline).splitlines() == [
        "housing",
        "     step                        type           instances         cached  waits for",
        "  1  pca-Preprocessing           Processing     ml.m5.2xlarge     10d     -",
        "  2  pca-Training                Training       2 x ml.m5.xlarge  10d     1",
        "  3  pca-Register-RegisterModel  RegisterModel  -                 no      2",
        "  4  mlp-Preprocessing           Processing     ml.m5.2xlarge     10d     2",
        "  5  mlp-Training                Training       2 x ml.m5.xlarge  10d     4",
        "  6  mlp-Model-CreateModel       Model          -                 no      5",
        "  7  mlp-Transform               Transform      ml.m5.large       no      4, 6",
        "  8  mlp-Metrics                 Processing     ml.m5.2xlarge     no      4, 7",
        "  9  mlp-Register-RegisterModel  RegisterModel  -                 no      3, 5, 8",
    ]


def test_what_starts_a_pipeline_stands_below_its_steps(housing_pipeline: CompiledPipeline) -> None:
    triggers = (
        Schedule("nightly", expression="cron(0 6 * * ? *)", timezone="UTC"),
        DataArrival("sales", prefix="in/", suffix=".csv"),
        DataArrival("partner", bucket="partner-data", prefix="in/"),
        ApprovedModel("upstream", enabled=False, model_package_group="shop-model"),
        Schedule("weekly", expression="rate(7 days)", target="airflow"),
    )
    lines = render_steps(replace(housing_pipeline, triggers=triggers)).splitlines()
    assert lines[-5:] == [
        "  started by    nightly   cron(0 6 * * ? *) in UTC",
        "  started by    sales     data in the project's bucket below in/ and ending in .csv",
        "  started by    partner   data in partner-data below in/",
        "  switched off  upstream  a version approved in shop-model",
        "  started by    weekly    rate(7 days), on airflow",
    ]
