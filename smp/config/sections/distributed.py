"""How the processes of a training job are started: several on a machine, or on several machines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from smp.config.values.base import ConfigModel, Text, fault, pattern

Option = Annotated[
    Text,
    Field(pattern=pattern(r"^[A-Za-z0-9_.,:=/@%+-]+$", "one word of mpirun's, without blanks")),
]


class DistributedTraining(ConfigModel):
    """What starts the script: one process for each GPU, or as many as are asked for, on each machine."""

    type: Literal["torchrun", "mpi"]
    """`torchrun` of PyTorch, or `mpirun`, which the image has to bring."""
    processes_per_node: Annotated[int, Field(ge=1, le=256)] | None = None
    """The processes on each machine; without it one for each GPU, or one."""
    mpi_options: Annotated[tuple[Option, ...], Field(strict=False)] = ()
    """Further words of the command `mpirun`."""

    @model_validator(mode="after")
    def _check_options(self) -> DistributedTraining:
        if self.mpi_options and self.type != "mpi":
            raise fault("is for mpirun", "type: mpi, or no mpi_options", at=("mpi_options",))
        return self
