"""Submits the script of a Processing step to Spark: the command, and the inputs with what goes along."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

from smp.compiler.steps.context import StepContext
from smp.config.sections.jobs import PreprocessSection
from smp.definition.compiled import CodeTree
from smp.errors import Problem, ScriptError
from smp.graph.nodes import StepNode
from smp.graph.step_classes.inputs import SPARK_INPUT, SPARK_INPUTS
from smp.text.messages import dotted

INPUT_DIRECTORY = "/opt/ml/processing/input"


def submit_command(section: PreprocessSection, requirements: bool) -> str:
    """Return the command that submits a script, in the few characters that the service allows."""
    options = [
        f"--{SPARK_INPUTS[key]} $I/{SPARK_INPUTS[key]}"
        for key in (section.spark.shipped if section.spark else ())
    ]
    commands = [f"I={INPUT_DIRECTORY}; cd $I/code"]
    if requirements:
        commands.append("python3 -m pip install -r requirements.txt")
    submit = ["exec smspark-submit", *options, f"$I/code/{section.entry_point}"]
    return " && ".join([*commands, " ".join(submit)])


def submitted_inputs(
    context: StepContext, node: StepNode, section: PreprocessSection
) -> list[ProcessingInput]:
    """Return the inputs with files and properties; raises ScriptError for files that are not shipped."""
    if section.spark is None:
        return []
    tree = context.code_tree(node)
    missing = list(_missing(node, section, tree))
    if missing:
        raise ScriptError(missing)
    directory = context.store.path_of(tree)
    inputs = []
    for key, names in section.spark.shipped.items():
        files = {name.rpartition("/")[2]: (directory / name).read_bytes() for name in names}
        inputs.append(_input(context, SPARK_INPUTS[key], files))
    if section.spark.properties:
        properties = dict(sorted(section.spark.properties.items()))
        text = json.dumps([{"Classification": "spark-defaults", "Properties": properties}])
        inputs.append(_input(context, SPARK_INPUT, {"configuration.json": text.encode()}))
    return inputs


def _missing(node: StepNode, section: PreprocessSection, tree: CodeTree) -> Iterator[Problem]:
    packed = {file.path for file in tree.files}
    for key, names in section.spark.shipped.items() if section.spark else ():
        for index, name in enumerate(names):
            if name not in packed:
                path = (str(node.section_name), "spark", key, index)
                yield Problem(
                    "is not among the files that the job gets",
                    node.model.locate(*path),
                    dotted(("conf", "models", node.model.name, *path)),
                    repr(name),
                    hint=f"put it below {node.model.source_directory.name}/, its source_directory",
                )


def _input(context: StepContext, name: str, files: dict[str, bytes]) -> ProcessingInput:
    tree = context.store.add_files(files, f"{name} of Spark")
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=context.session.add_tree(tree),
            local_path=f"{INPUT_DIRECTORY}/{name}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
        ),
    )
