"""The whole configuration as loaded: models, pipelines, and where each value was written.

It never reads a file; `smp.config.load` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ConfigDict, Field

from smp.config.fields import CommaList, ConfigModel, Flag, Text
from smp.config.jobs import (
    EvaluateSection,
    PreprocessSection,
    RegistrySection,
    TrainSection,
    TransformSection,
)
from smp.config.pipeline import PipelineConfig
from smp.errors import Location, Problem

SECTIONS = ("preprocess", "train", "transform", "evaluate", "registry")


class ModelPart(ConfigModel):
    """What one file says of a model; other files may hold its other sections."""

    source_directory: Text | None = None
    name: Text | None = Field(default=None, max_length=63)
    preprocess: PreprocessSection | None = None
    train: TrainSection | None = None
    transform: TransformSection | None = None
    evaluate: EvaluateSection | None = None
    registry: RegistrySection | None = None


class ModelConfig(ModelPart):
    """One modeling unit. `name` begins the name of the SageMaker model that CreateModel makes."""

    source_directory: Text


class NetworkSecurity(ConfigModel):
    """Role, key and network of the jobs; what is left out is what the deployment provides.

    `internet_egress` asks for subnets with a route to the internet; the deployment must offer them.
    """

    subnets: CommaList = ()
    security_groups_id: CommaList = ()
    role: Text | None = None
    kms_key: Text | None = None
    internet_egress: Flag = False


class Models(ConfigModel):
    """`conf.models`: the models by name, and two keys of the public framework's own file."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ModelPart]

    project_name: Text | None = Field(default=None, alias="projectName")
    framework_model_name: Text | None = Field(default=None, alias="modelName")

    @property
    def parts(self) -> dict[str, ModelPart]:
        """The models by name."""
        return self.__pydantic_extra__


class Conf(ConfigModel):
    """Everything below `conf`."""

    models: Models = Models()
    pipeline: PipelineConfig | None = Field(default=None, alias="sagemakerPipeline")
    project_name: Text | None = Field(default=None, alias="projectName")
    application_name: Text | None = Field(default=None, alias="applicationName")
    s3_bucket: Text | None = Field(default=None, alias="s3Bucket")
    network: NetworkSecurity | None = Field(default=None, alias="sagemakerNetworkSecurity")


class ConfFile(ConfigModel):
    """One configuration file."""

    conf: Conf


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


@dataclass(frozen=True)
class Model:
    """A model as configured, with its directory and the source tree that its steps ship."""

    name: str
    config: ModelConfig
    file: str
    directory: Path
    """The model's own directory, absolute: the one that holds `conf/`."""
    source_directory: Path
    """The directory with its scripts, absolute, inside `directory`."""
    positions: Mapping[Path_, Location] = field(repr=False)
    """Where each path below `conf.models.<name>` was written."""

    def locate(self, *path: str | int) -> Location:
        """Return where a path below the model was written, or the nearest path above it that was."""
        return _nearest(self.positions, path, self.file)


@dataclass(frozen=True)
class Project:
    """Every model and pipeline of a workspace.

    `notes` are remarks about settings that are valid and have no effect.
    """

    workspace: Path
    models: Mapping[str, Model]
    pipelines: tuple[Pipeline, ...]
    notes: tuple[Problem, ...] = ()


def _nearest(positions: Mapping[Path_, Location], path: Path_, file: str) -> Location:
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path, Location(file))
