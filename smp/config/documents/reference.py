"""The key-by-key part of docs/configuration.md, from the config models.

Only the text between the two marks of a document is generated. `python -m
smp.config.documents.reference docs/configuration.md` brings the document up to date.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smp.config.documents.overlay_schema import SUFFIX
from smp.config.documents.schema import ITEM, PARAMETER, VARIABLE, Schema, json_schema
from smp.config.values.base import SCIENTIFIC

BEGIN = "<!-- keys: written by python -m smp.config.documents.reference -->"
END = "<!-- end of keys -->"

SECTIONS = {
    "Conf": "conf",
    "Models": "conf.models",
    "ModelPart": "conf.models.MODEL",
    "PreprocessSection": "conf.models.MODEL.preprocess, and sections of kind: preprocess",
    "SparkSection": "….preprocess.spark",
    "PreprocessChannel": "….preprocess.channels.CHANNEL",
    "OutputLocation": "….preprocess.location",
    "NamedDataFile": "….dataFiles[] of preprocess and evaluate",
    "TrainSection": "conf.models.MODEL.train",
    "DistributedTraining": "….train.distributed",
    "TrainingChannel": "….train.channels.CHANNEL",
    "DataFile": "….dataFiles[] of train and transform",
    "MetricDefinition": "….train.metric_definitions[]",
    "TuneSection": "conf.models.MODEL.tune",
    "Objective": "….tune.objective",
    "HyperbandSection": "….tune.hyperband",
    "IntegerRange": "….tune.ranges.NAME of type integer",
    "ContinuousRange": "….tune.ranges.NAME of type continuous",
    "CategoryRange": "….tune.ranges.NAME of type categorical",
    "WarmStart": "….tune.warm_start",
    "TransformSection": "conf.models.MODEL.transform",
    "TransformChannel": "….transform.channels.CHANNEL",
    "EvaluateSection": "conf.models.MODEL.evaluate, and sections of kind: evaluate",
    "EvaluateChannel": "….evaluate.channels.CHANNEL",
    "RegistrySection": "conf.models.MODEL.registry",
    "InferenceSpecification": "….registry.InferenceSpecification",
    "PipelineConfig": "conf.sagemakerPipeline",
    "AirflowTarget": "conf.sagemakerPipeline.targets[] with a mode",
    "ParameterConfig": "conf.sagemakerPipeline.parameters[]",
    "ScheduleTrigger": "conf.sagemakerPipeline.triggers[] of type schedule",
    "DataTrigger": "conf.sagemakerPipeline.triggers[] of type data",
    "ApprovedModelTrigger": "conf.sagemakerPipeline.triggers[] of type approved_model",
    "ModelSteps": "conf.sagemakerPipeline.models.MODEL",
    "StepConfig": "….steps[]",
    "ModelMetricsSection": "….model_metrics of a RegisterModel step",
    "ConditionStep": "….steps[] with step_class: Condition",
    "FailStep": "….steps[] with step_class: Fail",
    "ApprovedModelStep": "….steps[] with step_class: ApprovedModel",
    "DeleteModelStep": "….steps[] with step_class: DeleteModel",
    "LambdaStep": "….steps[] with step_class: Lambda",
    "CallbackStep": "….steps[] with step_class: Callback",
    "QualityCheckStep": "….steps[] with step_class: QualityCheck",
    "ClarifyCheckStep": "….steps[] with step_class: ClarifyCheck",
    "Facet": "….facet[] of a ClarifyCheck step",
    "Predictor": "….predictor of a ClarifyCheck step",
    "Shap": "….shap of a ClarifyCheck step",
    "EMRServerlessStep": "….steps[] with step_class: EMRServerless",
    "Application": "….application of an EMRServerless step",
    "Workers": "….application.initial_capacity.TYPE",
    "Capacity": "….application.maximum_capacity",
    "SparkJob": "….spark of an EMRServerless step",
    "HiveJob": "….hive of an EMRServerless step",
    "ForEachStep": "….steps[] with step_class: ForEach",
    "Selector": "….selector of a ForEach step",
    "NotebookJobStep": "….steps[] with step_class: NotebookJob",
    "RetrySection": "….retry of the pipeline and of steps",
    "NetworkSecurity": "conf.sagemakerNetworkSecurity",
    "Tag": "….tags[]",
}
"""Where each model stands in a file, in the order of the document."""


def reference() -> str:
    """Return a heading and a table of keys for every section of a configuration file."""
    definitions = json_schema()["$defs"]
    sections = {
        name: below
        for name, below in definitions.items()
        if "properties" in below and not name.endswith(SUFFIX)
    }
    missing = sections.keys() ^ SECTIONS.keys()
    if missing:
        raise LookupError(f"SECTIONS says nothing, or too much, of {', '.join(sorted(missing))}")
    return "\n".join(_section(place, sections[name]) for name, place in SECTIONS.items())


def _section(place: str, definition: Schema) -> str:
    rows = "\n".join(_rows(definition))
    return (
        f"### `{place}`\n\n{definition['description']}\n\n"
        f"| key | value | default | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _rows(definition: Schema) -> Iterator[str]:
    required = definition.get("required", [])
    others = {key: below for key, below in definition["properties"].items() if "$ref" in below}
    for key, schema in definition["properties"].items():
        if key in others and "/properties/" in others[key]["$ref"]:
            continue
        also = [name for name, below in others.items() if below["$ref"].endswith(f"/{key}")]
        names = "".join(
            f", also `{name}`" for name in also if "/properties/" in others[name]["$ref"]
        )
        default = "required" if key in required else _default(schema)
        value = _value(schema).replace("|", "\\|")
        yield f"| `{key}`{names} | {value} | {default} | {schema['description']} |"


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default in (None, "", []):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _value(schema: Schema) -> str:
    choices = [choice for choice in schema.get("anyOf", [schema]) if not _is_usual(choice)]
    return " or ".join(dict.fromkeys(_choice(choice) for choice in choices))


def _is_usual(choice: Schema) -> bool:
    """Tell whether a choice goes without saying: no value, an environment variable, a parameter,
    a number that YAML reads as text."""
    usual = (f"^{VARIABLE}$", f"^({VARIABLE}|{PARAMETER}|{ITEM})$", f"({SCIENTIFIC})|{VARIABLE}")
    return choice == {"type": "null"} or choice.get("pattern") in usual


def _choice(schema: Schema) -> str:
    if "anyOf" in schema:
        return _value(schema)
    if "oneOf" in schema:
        return " or ".join(_choice(choice) for choice in schema["oneOf"])
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1].removesuffix(SUFFIX)
        return f"keys of `{SECTIONS[name]}`" if name in SECTIONS else _instance(name)
    if "enum" in schema and schema["enum"][0] == "True":
        return "the same in quotes"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "integer":
        return _range(schema)
    if schema.get("type") == "array":
        return f"list of {_value(schema['items'])}"
    if schema.get("type") == "object":
        return f"mapping of {_value(schema['additionalProperties'])}"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return ", ".join(TYPES[name] for name in types if name != "null")


TYPES = {
    "string": "text",
    "boolean": "`true`, `false`",
    "number": "number",
    "integer": "number",
    "array": "list",
    "object": "mapping",
}


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return "whole number"
    return f"{low} to {high}" if high is not None else f"number from {low}"


def _instance(name: str) -> str:
    words = re.findall("[A-Z][a-z]+", name.removesuffix("InstanceType"))
    return f"{' '.join(words).lower()} instance type"


def updated(document: str) -> str:
    """Return the document with the reference between its marks brought up to date."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def main(arguments: list[Any]) -> None:
    """Bring each document that is named up to date."""
    for name in arguments:
        path = Path(name)
        path.write_text(updated(path.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
