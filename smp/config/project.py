"""The whole configuration as loaded: models, pipelines, and where each value was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from smp.config.pipeline import PipelineConfig
from smp.config.read.yaml_tree import Document
from smp.config.sections.jobs import EvaluateSection, PreprocessSection, TransformSection
from smp.config.sections.registry import RegistrySection
from smp.config.sections.train import TrainSection
from smp.config.sections.tune import TuneSection
from smp.config.validation_errors import as_written
from smp.config.values.aws import (
    BucketName,
    EnvironmentName,
    HyphenatedName,
    KmsKey,
    ModelName,
    RoleArn,
    SectionName,
    SecurityGroupId,
    SubnetId,
)
from smp.config.values.base import ConfigModel, Flag, KeyFault, Text, split_commas
from smp.errors import Location, Problem
from smp.text.messages import shown

SECTIONS = ("preprocess", "train", "tune", "transform", "evaluate", "registry")

STAND_INS = (("train", "local_stand_in"), ("transform", "local_stand_in"))
SCRIPT_KEYS = (
    ("preprocess", "entry_point"),
    ("train", "entry_point"),
    ("transform", "entry_point"),
    ("evaluate", "entry_point"),
    *STAND_INS,
)
"""The section and the key of every script that a model may name."""

KIND = "kind"
"""The key by which a further section of a model is told from a key that does not exist."""

FurtherSection = Annotated[PreprocessSection | EvaluateSection, Field(discriminator=KIND)]


class ModelPart(ConfigModel):
    """What one file says of a model; its other sections may stand in other files.

    A key of any other name is a further section: it says in `kind` which it is like, and steps of that
    class use it with `step_type`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[SectionName, FurtherSection]

    source_directory: Text | None = None
    """The directory with the model's scripts, looked up below the model's own directory (the one
    that holds `conf/`), then below the workspace. Required in one of the model's files."""
    name: HyphenatedName | None = None
    """The beginning of the name of the SageMaker model that CreateModel makes."""
    preprocess: PreprocessSection | None = None
    """For Processing steps."""
    train: TrainSection | None = None
    """For Training steps, and the training jobs of Tuning steps."""
    tune: TuneSection | None = None
    """For Tuning steps."""
    transform: TransformSection | None = None
    """For Transform steps, and the inference script of CreateModel steps."""
    evaluate: EvaluateSection | None = None
    """For Metrics steps."""
    registry: RegistrySection | None = None
    """For RegisterModel and CreateModel steps."""

    @model_validator(mode="before")
    @classmethod
    def _tell_unknown_keys(cls, data: Any) -> Any:
        """Take a key for a further section only where it says its kind."""
        if not isinstance(data, dict):
            return data
        known = tuple(cls.model_fields)
        hint = f"a further section says which it is like: {KIND}: preprocess or {KIND}: evaluate"
        return {
            key: value
            if key in known or (isinstance(value, dict) and KIND in value)
            else KeyFault(f"unknown key {shown(key)}", value, known, hint)
            for key, value in data.items()
        }


class ModelConfig(ModelPart):
    """One modeling unit, joined from all files that mention it."""

    source_directory: Text

    @property
    def further_sections(self) -> dict[str, PreprocessSection | EvaluateSection]:
        """The sections that the model has beside those that every model may have, by name."""
        return dict(sorted((self.__pydantic_extra__ or {}).items()))

    def section(self, name: str) -> ConfigModel | None:
        """Return a section by its name, a further one too; None where no file has it."""
        found: ConfigModel | None = (
            getattr(self, name) if name in SECTIONS else self.further_sections.get(name)
        )
        return found

    @property
    def scripts(self) -> dict[tuple[str, str], str]:
        """The scripts that the sections name, by section and key."""
        further = ((name, "entry_point") for name in self.further_sections)
        named = {
            (name, key): getattr(self.section(name), key, None)
            for name, key in (*SCRIPT_KEYS, *further)
        }
        return {place: script for place, script in named.items() if script is not None}


class NetworkSecurity(ConfigModel):
    """Role, key and network of the jobs; what is left out is what the deployment provides."""

    subnets: Annotated[
        tuple[SubnetId, ...],
        Field(strict=False),
        BeforeValidator(split_commas, json_schema_input_type=str | list[str]),
    ] = ()
    """Subnets of the jobs, as a list or with commas between."""
    security_groups_id: Annotated[
        tuple[SecurityGroupId, ...],
        Field(strict=False),
        BeforeValidator(split_commas, json_schema_input_type=str | list[str]),
    ] = ()
    """Security groups of the jobs, as a list or with commas between."""
    role: RoleArn | None = None
    """The role of the jobs."""
    kms_key: KmsKey | None = None
    """The key of volumes and outputs."""
    internet_egress: Flag = False
    """Whether the jobs need subnets with a route to the internet; the deployment must offer them."""


class Models(ConfigModel):
    """The models by name, and two keys of the public framework's own file."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[ModelName, ModelPart]

    project_name: Text | None = Field(default=None, alias="projectName")
    """The same as `conf.projectName`."""
    framework_model_name: Text | None = Field(default=None, alias="modelName")
    """Accepted and without effect."""

    @property
    def parts(self) -> dict[str, ModelPart]:
        """The models by name."""
        return self.__pydantic_extra__


class Conf(ConfigModel):
    """Everything that a file says."""

    models: Models = Models()
    """The models by name."""
    pipeline: PipelineConfig | None = Field(default=None, alias="sagemakerPipeline")
    """The pipeline that this file defines; each file may define one."""
    project_name: Text | None = Field(default=None, alias="projectName")
    """The beginning of the names of model package groups; without it the pipeline's name."""
    application_name: Text | None = Field(default=None, alias="applicationName")
    """Accepted and without effect."""
    s3_bucket: BucketName | None = Field(default=None, alias="s3Bucket")
    """The bucket of the jobs' outputs; without it the project's."""
    network: NetworkSecurity | None = Field(default=None, alias="sagemakerNetworkSecurity")
    """Role, key and network of the jobs."""
    environments: dict[EnvironmentName, Any] = Field(default={})
    """What differs from environment to environment: for each, any of the other keys below `conf`."""


class ConfFile(ConfigModel):
    """A configuration of models and SageMaker pipelines."""

    conf: Conf
    """The one key of a file."""


Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Pipeline:
    """A `sagemakerPipeline` section with what its own file says about the project around it."""

    config: PipelineConfig
    file: str
    network: NetworkSecurity
    s3_bucket: str | None
    project_name: str
    positions: Mapping[Path_, Location] = field(repr=False)
    """Where each path below `conf` of the pipeline's file was written."""

    def locate(self, *path: str | int) -> Location:
        """Return where a path below `conf` was written, or the nearest path above it that was."""
        return _nearest(self.positions, path, self.file)

    def place(self, path: Path_) -> tuple[Location, Path_]:
        """Return where a path below `conf` was written, and all of it in the file's own spelling."""
        written = as_written(path, self.positions)
        return self.locate(*written), ("conf", *written)


@dataclass(frozen=True)
class Model:
    """A model as configured, with its directory and the source tree that its steps ship."""

    name: str
    config: ModelConfig
    file: str
    directory: Path
    """The model's own directory, absolute, links followed: the one that holds `conf/`."""
    directory_name: str
    """What the workspace calls it: a build links a model repository into the workspace."""
    source_directory: Path
    """The directory with its scripts, absolute, inside `directory`."""
    positions: Mapping[Path_, Location] = field(repr=False)
    """Where each path below `conf.models.<name>` was written."""

    def locate(self, *path: str | int) -> Location:
        """Return where a path below the model was written, or the nearest one above it."""
        return _nearest(self.positions, path, self.file)

    def place(self, path: Path_) -> tuple[Location, Path_]:
        """Return where a path below the model was written, and all of it in the file's own spelling."""
        written = as_written(path, self.positions)
        return self.locate(*written), ("conf", "models", self.name, *written)


@dataclass(frozen=True)
class Project:
    """Every model and pipeline of a workspace.

    `notes` are remarks about settings that are valid and have no effect.
    """

    workspace: Path
    models: Mapping[str, Model]
    pipelines: tuple[Pipeline, ...]
    notes: tuple[Problem, ...] = ()
    documents: tuple[Document, ...] = field(default=(), repr=False)
    """What the files say, for the environment that they were loaded for."""


def _nearest(positions: Mapping[Path_, Location], path: Path_, file: str) -> Location:
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path, Location(file))
