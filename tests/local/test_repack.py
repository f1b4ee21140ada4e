"""A model that is repacked runs here as it is compiled: the job puts the code into the artifact."""

from __future__ import annotations

import json
import tarfile

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.graph import build_graph
from tests.graph.workspace import DIRECTORY, IMAGE, load, pipeline_of, write
from tests.local.pipelines import Workspace, statuses, step_of

STEPS = "fit: Training\nmodel: CreateModel\npredict: Transform\nregister: RegisterModel"
REPACK = "model-RepackModel-0"
TRAIN = """
import os
with open(os.path.join(os.environ["SM_MODEL_DIR"], "weights.txt"), "w") as file:
    file.write("7")
"""
INFERENCE = """
import os
from helper import times

def model_fn(directory):
    with open(os.path.join(directory, "weights.txt")) as file:
        return int(file.read())

def input_fn(body, content_type):
    return [int(line) for line in body.split()]

def predict_fn(data, model):
    return [times(number, model) for number in data]

def output_fn(answer, accept):
    return "".join(f"{number}\\n" for number in answer)
"""
SCRIPTS = {
    "train.py": TRAIN,
    "inference.py": INFERENCE,
    "helper.py": "def times(a, b):\n    return a * b\n",
}


def compiled_with(workspace: Workspace, repack: str) -> CompiledPipeline:
    """Compile a pipeline whose training leaves no code in its artifact."""
    models = workspace.root / "models"
    data = "channels: {test: {dataFiles: [{sourceName: numbers, fileName: s3://smp-local/x}]}}"
    project = load(
        models,
        pipeline_of(STEPS),
        demo__transform=f"{{entry_point: inference.py, content_type: text/csv, {data}}}",
        demo__registry=f"{{ModelRepack: {repack}, InferenceSpecification: {{image_uri: {IMAGE}}}}}",
    )
    for name, text in SCRIPTS.items():
        write(models / DIRECTORY / "scripts" / name, text)
    return compile_pipeline(build_graph(project, "demo"), workspace.places.code)


@pytest.mark.slow
def test_a_repack_job_puts_the_code_beside_the_weights_and_the_model_serves_by_it(
    workspace: Workspace,
) -> None:
    compiled = compiled_with(workspace, "true")
    workspace.put("x/numbers.csv", "1\n2\n6\n")

    run = workspace.run(compiled)

    reasons = {step.name: step.reason for step in run.steps()}
    assert statuses(run) == dict.fromkeys(compiled.order(), "Succeeded"), reasons
    assert step_of(run, REPACK).type == "Training"
    trained, packed = (
        step_of(run, name).result["ModelArtifacts"]["S3ModelArtifacts"] for name in ("fit", REPACK)
    )
    assert members(workspace, trained) == {"weights.txt"}
    assert members(workspace, packed) >= {"weights.txt", *(f"code/{name}" for name in SCRIPTS)}
    container = step_of(run, "model-CreateModel").result["PrimaryContainer"]
    version = step_of(run, "register-RegisterModel").arguments["InferenceSpecification"]
    assert container["ModelDataUrl"] == packed
    assert version["Containers"][0]["ModelDataUrl"] == packed
    output = step_of(run, "predict").result["TransformOutput"]["S3OutputPath"]
    answer = workspace.store.path_of(f"{output}/numbers.csv.out").read_text()
    assert answer.split() == ["7", "14", "42"]


@pytest.mark.slow
def test_fails_in_the_transform_where_nothing_was_repacked(workspace: Workspace) -> None:
    compiled = compiled_with(workspace, "false")
    workspace.put("x/numbers.csv", "1\n")

    run = workspace.run(compiled)

    assert REPACK not in compiled.order()
    found = statuses(run)
    assert (found["fit"], found["predict"]) == ("Succeeded", "Failed")
    assert "inference.py" in json.dumps(step_of(run, "predict").reason)


def members(workspace: Workspace, uri: str) -> set[str]:
    """Return the files of an archive in the bucket."""
    with tarfile.open(workspace.store.path_of(uri)) as archive:
        return {
            member.name.removeprefix("./") for member in archive.getmembers() if member.isfile()
        }
