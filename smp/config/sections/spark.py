"""The `spark` keys of a processing section: what its application is submitted with."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from smp.config.values.base import ConfigModel, ScalarText, fault, pattern, read_list

PATH = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"
BELOW = "a path below source_directory of letters, digits, '_', '-' and '.'"

PythonFile = Annotated[
    str,
    Field(pattern=pattern(PATH + r"\.(py|zip|egg)$", f"{BELOW} that ends in .py, .zip or .egg")),
]
JavaArchive = Annotated[str, Field(pattern=pattern(PATH + r"\.jar$", f"{BELOW} that ends in .jar"))]
AnyFile = Annotated[str, Field(pattern=pattern(PATH + "$", BELOW))]
OneOrMore = BeforeValidator(read_list, json_schema_input_type=str | list[str])
SEVERAL = Field(strict=False, max_length=50)

PropertyName = Annotated[
    str, Field(pattern=pattern(r"^[A-Za-z0-9_.-]{1,256}$", "the name of a property of Spark"))
]


class SparkSection(ConfigModel):
    """What a Spark application is submitted with."""

    py_files: Annotated[tuple[PythonFile, ...], SEVERAL, OneOrMore] = ()
    """Python files, and archives of them, for the driver and the executors."""
    jars: Annotated[tuple[JavaArchive, ...], SEVERAL, OneOrMore] = ()
    """Java archives for the driver and the executors."""
    files: Annotated[tuple[AnyFile, ...], SEVERAL, OneOrMore] = ()
    """Files that every executor finds in its working directory."""
    properties: dict[PropertyName, ScalarText] = Field(default={}, max_length=100)
    """Properties of Spark, such as `spark.executor.memory`."""

    @property
    def shipped(self) -> dict[str, tuple[str, ...]]:
        """The files below `source_directory` that it names, by key."""
        named = {"py_files": self.py_files, "jars": self.jars, "files": self.files}
        return {key: names for key, names in named.items() if names}

    @model_validator(mode="after")
    def _check_names(self) -> SparkSection:
        for key, names in self.shipped.items():
            last = [name.rpartition("/")[2] for name in names]
            for index, name in enumerate(last):
                if name in last[:index]:
                    reason = f"a file named '{name}' is already listed, and all files are in one directory"
                    raise fault(reason, "files of different names", at=(key, index))
        return self
