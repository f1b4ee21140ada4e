"""Notebooks run here: parameters, files beside them, their output, cells that fail, refusals."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline, Json
from smp.errors import RunError
from smp.local.sandbox.base import Sandbox
from smp.local.store.step_data import output_uris
from tests.compiler.compiling import demo_graph
from tests.graph.workspace import write
from tests.local.pipelines import BUCKET, Workspace, statuses, step_of

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/distribution:3"
SOURCES = Path("model_configs/demo/scripts")
RESULTS = "executions/demo"


def cell(text: str, *tags: str, kind: str = "code") -> Json:
    own: Json = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": text, "id": "c", **own}


def notebook(*cells: Json, language: str = "python") -> str:
    numbered = [{**one, "id": f"c{index}"} for index, one in enumerate(cells)]
    metadata = {"kernelspec": {"name": "ir", "display_name": "x", "language": language}}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": numbered}
    return json.dumps(content)


def compiled(workspace: Workspace, text: str, more: str = "", **files: str) -> CompiledPipeline:
    """Compile a pipeline whose one step runs a notebook, for the local bucket's stores."""
    root = workspace.root / "model"
    write(root / SOURCES / "report.ipynb", text)
    for name, content in files.items():
        write(root / SOURCES / name.replace("__", "."), content)
    step = f"report: NotebookJob, input_notebook: report.ipynb, image_uri: '{IMAGE}', "
    return compile_pipeline(
        demo_graph(root, f"{step}kernel_name: python3{more}"), workspace.places.code
    )


def output_of(workspace: Workspace) -> dict[str, str]:
    """Return the files that a job put out beside its model, by name."""
    (key,) = (key for key in workspace.keys("") if key.endswith("output.tar.gz"))
    packed = workspace.store.path_of(f"{BUCKET}/{key}").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {m.name.rpartition("/")[2]: _text(archive, m) for m in members}


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = archive.extractfile(member)
    assert content is not None
    return content.read().decode()


def printed(content: str) -> list[str]:
    cells = json.loads(content)["cells"]
    return ["".join(out.get("text", "")) for one in cells for out in one.get("outputs", [])]


@pytest.mark.slow
def test_a_notebook_runs_with_its_parameters_and_files(
    tmp_path: Path, each_sandbox: Sandbox
) -> None:
    workspace = Workspace(tmp_path, each_sandbox)
    text = notebook(
        cell("# A report", kind="markdown"),
        cell("day, rows = 'none', '0'", "parameters"),
        cell("import os, helper; print(day, rows, os.environ['LEVEL'], helper.WORD)"),
    )
    pipeline = compiled(
        workspace,
        text,
        ", parameters: {day: monday, rows: 7}, env: {LEVEL: 3}, additional_dependencies: [helper.py], "
        "initialization_script: init.sh",
        helper__py="import os\nWORD = os.environ['WORD']\n",
        init__sh="export WORD=sourced\n",
    )
    run = workspace.run(pipeline)
    record = step_of(run, "report")
    assert statuses(run) == {"report": "Succeeded"}, record.reason
    files = output_of(workspace)
    assert list(files) == ["report.ipynb"]
    assert printed(files["report.ipynb"]) == ["monday 7 3 sourced\n"]
    assert record.result["AlgorithmSpecification"]["ContainerEntrypoint"] == [
        "amazon_sagemaker_scheduler"
    ]
    assert "monday 7 3 sourced" in run.log_path("report").read_text()
    assert record.type == "NotebookJob"
    ((name, uri),) = output_uris(record.result)
    assert name == "notebook"
    assert workspace.store.path_of(uri).is_file()


@pytest.mark.slow
def test_fails_with_the_number_of_the_cell_and_keeps_what_was_put_out(workspace: Workspace) -> None:
    text = notebook(
        cell("# A report", kind="markdown"),
        cell("n = 0", "parameters"),
        cell("print('so far')"),
        cell("1 / int(n)"),
        cell("print('never')"),
    )
    run = workspace.run(compiled(workspace, text, ", parameters: {n: 0}"))
    reason = str(step_of(run, "report").reason)
    assert statuses(run) == {"report": "Failed"}
    assert "cell 4 raised ZeroDivisionError: division by zero" in reason
    assert f"the notebook up to there is in {BUCKET}/executions/" in reason
    shown = printed(output_of(workspace)["report.ipynb"])
    assert "so far\n" in shown
    assert "never\n" not in shown


@pytest.mark.slow
def test_a_kernel_of_the_image_alone_gives_way_to_python(workspace: Workspace) -> None:
    bare = {**json.loads(notebook(cell("print(6 * 7)"))), "metadata": {}}
    pipeline = compiled(workspace, json.dumps(bare))
    pipeline.definition["Steps"][0]["Arguments"]["Environment"]["SM_KERNEL_NAME"] = "sparkmagic"
    run = workspace.run(pipeline)
    assert statuses(run) == {"report": "Succeeded"}, step_of(run, "report").reason
    assert "the kernel 'sparkmagic' is its image's" in run.log_path("report").read_text()


@pytest.mark.parametrize(
    ("language", "python", "expected"),
    [
        ("R", None, "is a notebook in r, and here is a kernel for Python only"),
        ("python", "empty/bin", "its model's environment has no papermill and no ipykernel"),
    ],
)
def test_fails_before_anything_starts_where_it_cannot_run(
    language: str, python: Any, expected: str, workspace: Workspace
) -> None:
    workspace.python = workspace.root / python if python else workspace.python
    with pytest.raises(RunError) as caught:
        workspace.run(compiled(workspace, notebook(language=language)))
    assert expected in str(caught.value)
    assert "--from" in str(caught.value)
    assert not workspace.keys("executions")
