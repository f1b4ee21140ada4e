"""Processing steps whose script is submitted to Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.errors import ScriptError
from tests.compiler.compiling import arguments, compile_demo, processing_inputs
from tests.graph.workspace import DIRECTORY, IMAGE, write

PREPROCESS = (
    "{framework: spark, framework_version: '3.5', entry_point: preprocess.py, KEYS, "
    "channels: train}"
)


def compiled_with(workspace: Path, keys: str = "instance_count: 2") -> CompiledPipeline:
    section = PREPROCESS.replace("KEYS", keys)
    return compile_demo(workspace, "prep: Processing", demo__preprocess=section)


def command(compiled: CompiledPipeline) -> list[str]:
    shell, option, text = arguments(compiled, "prep")["AppSpecification"]["ContainerEntrypoint"]
    assert (shell, option) == ("/bin/bash", "-c")
    return str(text).split(" && ")


def test_the_script_is_submitted(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path)
    assert command(compiled) == [
        "I=/opt/ml/processing/input; cd $I/code",
        "exec smspark-submit $I/code/preprocess.py",
    ]
    job = arguments(compiled, "prep")
    assert job["AppSpecification"]["ImageUri"] == "${smp:image.spark-processing-3.5}"
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 2
    assert compiled.images["spark-processing-3.5"]["eu-west-1"] == (
        "571004829621.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu"
    )


def test_a_python_of_the_image_may_be_chosen(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "py_version: py312")
    (uris,) = compiled.images.values()
    assert uris["eu-west-1"].endswith("sagemaker-spark-processing:3.5-cpu-py312-v1")


def test_files_go_with_it(tmp_path: Path) -> None:
    for name in ("lib/rows.py", "more.zip", "jars/a.jar", "jars/b.jar", "names.txt"):
        write(tmp_path / DIRECTORY / "scripts" / name, "")
    keys = "spark: {py_files: [lib/rows.py, more.zip], jars: [jars/a.jar, jars/b.jar], "
    compiled = compiled_with(tmp_path, keys + "files: names.txt}")
    assert command(compiled)[-1] == (
        "exec smspark-submit --py-files $I/py-files --jars $I/jars --files $I/files "
        "$I/code/preprocess.py"
    )
    inputs = processing_inputs(compiled, "prep")
    trees = {f"s3://${{smp:bucket}}/{tree.key}/": tree for tree in compiled.code}
    shipped = {
        name: [file.path for file in trees[inputs[name]["S3Uri"]].files]
        for name in ("py-files", "jars", "files")
    }
    assert shipped == {
        "py-files": ["more.zip", "rows.py"],
        "jars": ["a.jar", "b.jar"],
        "files": ["names.txt"],
    }
    assert inputs["jars"]["LocalPath"] == "/opt/ml/processing/input/jars"


def test_requirements_are_installed_before(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/requirements.txt", "numpy\n")
    assert command(compiled_with(tmp_path))[1] == "python3 -m pip install -r requirements.txt"


def test_properties_lie_where_the_image_looks_for_them(tmp_path: Path) -> None:
    keys = "spark: {properties: {spark.executor.memory: 4g, spark.sql.shuffle.partitions: 8}}"
    compiled = compiled_with(tmp_path, keys)
    place = processing_inputs(compiled, "prep")["conf"]
    assert place["LocalPath"] == "/opt/ml/processing/input/conf"
    (tree,) = (tree for tree in compiled.code if tree.origin == "conf of Spark")
    assert place["S3Uri"] == f"s3://${{smp:bucket}}/{tree.key}/"
    file = compiled.code_store / tree.sha256 / "configuration.json"
    assert json.loads(file.read_text()) == [
        {
            "Classification": "spark-defaults",
            "Properties": {"spark.executor.memory": "4g", "spark.sql.shuffle.partitions": "8"},
        }
    ]


def test_an_own_image_may_bring_spark(tmp_path: Path) -> None:
    section = f"{{image_uri: {IMAGE}, entry_point: preprocess.py, spark: {{}}, channels: train}}"
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    assert command(compiled)[1].startswith("exec smspark-submit ")
    assert compiled.images == {}


def test_fails_for_a_file_that_is_not_shipped(tmp_path: Path) -> None:
    with pytest.raises(ScriptError) as failure:
        compiled_with(tmp_path, "spark: {jars: [jars/a.jar, jars/b.jar]}")
    assert [problem.path for problem in failure.value.problems] == [
        "conf.models.demo.preprocess.spark.jars[0]",
        "conf.models.demo.preprocess.spark.jars[1]",
    ]
    assert "is not among the files that the job gets" in str(failure.value)
    assert f"{DIRECTORY}/conf/models.yaml:5:" in str(failure.value)
