"""`smp explain`: the value in effect, where it came from, and whether it may vary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import RunSmp
from tests.config.workspace import BASE, CONF, make_workspace

ADDED = """\
  environments:
    prod:
      models:
        churn:
          train:
            instance_type: ml.m5.4xlarge
            hyperparams: {rounds: 500}
  sagemakerPipeline:
    parameters:
      - {name: count, type: Integer, default: 2}
      - {name: kind, allowed_values: [ml.m5.large, ml.m5.xlarge]}
"""
TEXT = (
    BASE.replace("  sagemakerPipeline:\n", ADDED)
    .replace("instance_count: 2", "instance_count: ${parameters.count}")
    .replace("ml.m5.large\n", "${parameters.kind}\n", 1)
    .replace("rounds: 100", "rounds: ${env:ROUNDS}")
)


@pytest.fixture
def explained(run_smp: RunSmp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSmp:
    make_workspace(tmp_path, {CONF: TEXT})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUNDS", "20")
    return lambda *arguments: run_smp("explain", *arguments)


def test_a_value_that_the_file_has(explained: RunSmp) -> None:
    assert explained("churn.train.entry_point").out == (
        "churn.train.entry_point = train.py\n"
        f"    from: {CONF}:18:22\n"
        "    may vary: no, it is needed when the pipeline is built\n"
    )


def test_a_default(explained: RunSmp) -> None:
    assert explained("churn.evaluate.volume_size_in_gb").out == (
        "churn.evaluate.volume_size_in_gb = 50\n"
        "    from: the default of conf.models.churn.evaluate\n"
        "    may vary: yes, by a parameter\n"
    )


def test_a_value_of_a_further_section(
    run_smp: RunSmp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    further = "      clean: {kind: preprocess, image_uri: image:1, entry_point: train.py}\n"
    text = BASE.replace("      transform:\n", f"{further}      transform:\n", 1)
    make_workspace(tmp_path, {CONF: text})
    monkeypatch.chdir(tmp_path)
    assert run_smp("explain", "churn.clean.entry_point").out.startswith(
        f"churn.clean.entry_point = train.py\n    from: {CONF}:30:"
    )
    assert "the default of conf.models.churn.clean" in run_smp("explain", "churn.clean.env").out


def test_a_value_of_an_environment(explained: RunSmp) -> None:
    assert explained("churn.train.instance_type", "--environment", "prod").out == (
        "churn.train.instance_type = ml.m5.4xlarge\n"
        f"    from: {CONF}:50:28\n"
        "    environment: prod, as conf.environments.prod.models.churn.train.instance_type\n"
        "    may vary: yes, by a parameter\n"
    )


def test_a_parameter(explained: RunSmp) -> None:
    assert explained("churn.train.instance_count").out == (
        "churn.train.instance_count = ${parameters.count}\n"
        f"    from: {CONF}:19:25\n"
        "    parameter: count, Integer, default 2 of pipeline churn\n"
        "    may vary: yes, by a parameter\n"
    )


def test_a_variable_and_a_placeholder(explained: RunSmp) -> None:
    assert "= 20\n" in explained("churn.train.hyperparameters.rounds").out
    assert "written: ${env:ROUNDS}\n" in explained("churn.train.hyperparameters.rounds").out
    role = explained("churn.sagemakerNetworkSecurity.role").out
    assert f"from: {CONF}:44:11\n    written: SMP_ROLE\n" in role


def test_what_no_file_says_of_a_pipeline_comes_from_the_deployment(explained: RunSmp) -> None:
    assert "= nothing\n    from: the default of the deployment\n" in explained("churn.s3Bucket").out


@pytest.mark.parametrize(
    "path",
    [
        "churn.models.churn.steps[0].enable_cache",
        "churn.models.churn.steps.churn-train.enable_cache",
        "conf.sagemakerPipeline.churn.models.churn.steps.churn-train.enable_cache",
    ],
)
def test_items_are_found_by_place_and_by_name(explained: RunSmp, path: str) -> None:
    assert explained(path).out.startswith("churn.models.churn.steps[0].enable_cache = true\n")


def test_a_path_of_several_values_lists_them(explained: RunSmp) -> None:
    lines = explained("churn.train.channels", "--environment", "prod").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "churn.train.channels.train.s3BucketName",
        "churn.train.channels.train.inputBucketPrefix",
        "churn.train.channels.train.dataFiles[0].sourceName",
        "churn.train.channels.train.dataFiles[0].fileName",
        "churn.train.channels.train.content_type",
        "churn.train.channels.train.input_mode",
        "churn.train.channels.train.distribution",
    ]
    [found] = [line for line in lines if "fileName" in line]
    assert found.endswith(f"s3://${{smp:bucket}}/churn/train  {CONF}:26:27")
    [line] = explained("churn.train.hyperparameters", "--environment", "prod").out.splitlines()[:1]
    assert line == "churn.train.hyperparameters.rounds = 500"


def test_a_value_as_json(explained: RunSmp) -> None:
    [found] = json.loads(explained("churn.preprocess.instance_type", "--format", "json").out)
    assert found == {
        "path": "churn.preprocess.instance_type",
        "value": "${parameters.kind}",
        "origin": "file",
        "place": {"file": CONF, "line": 8, "column": 24},
        "default_of": None,
        "environment": None,
        "written_path": None,
        "written": None,
        "may_vary": True,
        "parameters": {
            "churn": [
                {
                    "name": "kind",
                    "type": "String",
                    "default": None,
                    "allowed_values": ["ml.m5.large", "ml.m5.xlarge"],
                    "description": None,
                }
            ]
        },
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "churn.train.instance_typ",
            "smp: there is no value 'churn.train.instance_typ'\n"
            "    hint: did you mean 'churn.train.instance_type' or 'churn.train.instance_count'?\n",
        ),
        (
            "chrun.train",
            "smp: 'chrun.train' begins with no model or pipeline\n    allowed: churn\n"
            "    hint: did you mean 'churn'?\n",
        ),
        (
            "churn.zzz",
            "smp: there is no value 'churn.zzz'\n    hint: smp explain churn lists all there are\n",
        ),
    ],
)
def test_fails_with_a_near_name(explained: RunSmp, path: str, message: str) -> None:
    done = explained(path)
    assert (done.status, done.out, done.err) == (1, "", message)


def test_fails_for_a_pipeline_that_there_is_not(explained: RunSmp) -> None:
    done = explained("churn.train", "--pipeline", "chrun")
    assert done.status == 1
    assert done.err == (
        "smp: there is no pipeline 'chrun'\n    allowed: churn\n    hint: did you mean 'churn'?\n"
    )
