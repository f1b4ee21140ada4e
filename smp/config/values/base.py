"""What every section of a configuration shares: the base model and the scalar types."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from smp.definition.expressions import Written
from smp.definition.language import FUNCTIONS
from smp.text.messages import shown


class ConfigModel(BaseModel):
    """A frozen section of a configuration that refuses unknown keys.

    `spellings` maps other accepted spellings of a key to the one that the section uses; a key
    with no value counts as absent where the section has a default for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    spellings: ClassVar[dict[str, str]] = {}
    refused: ClassVar[dict[str, str]] = {}
    """Keys of the public format that no service field can honour, each with the reason."""

    @model_validator(mode="before")
    @classmethod
    def _settle_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        settled: dict[str, Any] = {}
        for written, value in data.items():
            key = cls.spellings.get(written, written)
            if written in cls.refused:
                settled[written] = KeyFault(f"'{written}' {cls.refused[written]}", value)
            elif key in settled or (key != written and key in data):
                reason = f"'{written}' and '{key}' name the same setting: keep one"
                settled[written] = KeyFault(reason, value)
            elif key in fields:
                if isinstance(value, Written):
                    settled[key] = Written(value.text, cls)
                elif value is not None or fields[key].is_required():
                    settled[key] = _read_number(value, fields[key].annotation)
            elif cls.model_config.get("extra") == "forbid":
                known = (*fields, *cls.spellings)
                settled[written] = KeyFault(f"unknown key {shown(written)}", value, known)
            else:
                settled[written] = value
        return settled


@dataclass(frozen=True)
class KeyFault:
    """Stands in place of a value whose key is not accepted, and says why; it never validates."""

    reason: str
    value: Any
    known: tuple[str, ...] = ()
    hint: str | None = None
    """What to do where no known key has a near name."""


def fault(
    reason: str,
    allowed: str | None = None,
    hint: str | None = None,
    at: tuple[str | int, ...] = (),
) -> PydanticCustomError:
    """Return the error of a check; `at` leads from the value checked to what is at fault."""
    context = {"reason": reason, "allowed": allowed, "hint": hint, "at": at}
    return PydanticCustomError("smp", "{reason}", context)


def _refuse_expression(mapping: dict[str, Any]) -> dict[str, Any]:
    name = next(iter(mapping), None)
    if len(mapping) == 1 and name in FUNCTIONS:
        reason = (
            f"has {name!r} as its only key: SageMaker evaluates such an object as an expression"
        )
        raise fault(reason, "another name, or further keys")
    return mapping


TAKEN_AS_IT_IS = AfterValidator(_refuse_expression)
"""Of an object that a request holds as it is written: no execution may take it for an expression."""


class EnvironmentText(str):
    """Text that is wholly an environment variable's value: it may also stand for a number."""

    __slots__ = ()


def _read_number(value: Any, annotation: Any) -> Any:
    """Turn an environment variable's digits into the number that the field wants.

    A field for text and numbers gets the text as an environment variable's, and decides itself.
    """
    if not isinstance(value, EnvironmentText):
        return value
    takes_number, takes_text = _takes(annotation, int), _takes(annotation, str)
    if takes_number and takes_text:
        return value
    if takes_number and re.fullmatch("[0-9]{1,18}", value):
        return int(value)
    return str(value)


def _takes(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_takes(inner, kind) for inner in get_args(annotation))


FlagWord = Literal["True", "False", "true", "false", "yes", "no", "on", "off"]
FLAG_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _read_text(value: Any) -> Any:
    """Turn a YAML scalar into the text that an environment variable or tag needs."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _read_flag(value: Any) -> Any:
    """Accept "True" and "false" as text: the public configs quote them."""
    return FLAG_WORDS.get(value.lower(), value) if isinstance(value, str) else value


def read_scientific(value: Any) -> Any:
    """Turn text such as `1e-5`, which is not a number of YAML 1.1, into the number that it says."""
    is_number = isinstance(value, str) and re.fullmatch(SCIENTIFIC, value)
    return float(value) if is_number else value


def _check_number(value: Any) -> int | float:
    value = read_scientific(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise fault("must be a number")
    if not math.isfinite(value):
        raise fault("must be a finite number")
    return value


def read_list(value: Any) -> Any:
    """Accept one value where a list may stand."""
    return [value] if isinstance(value, str) else value


def split_commas(value: Any) -> Any:
    """Split `a, b` at its commas; a blank text is an empty list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


SCIENTIFIC = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]{1,3}$"
"""A number in scientific notation, with or without what YAML 1.1 wants of one: a dot and a sign."""

PATTERN_WORDS: dict[str, str] = {}
"""What each pattern of a field means, for messages."""


def pattern(expression: str, meaning: str) -> str:
    """Record what a pattern means and return it; raises ValueError for a second meaning of one pattern.

    Messages look the meaning up by the pattern: two meanings would depend on the order of imports.
    """
    if PATTERN_WORDS.setdefault(expression, meaning) != meaning:
        raise ValueError(f"{expression} means {PATTERN_WORDS[expression]!r} and {meaning!r}")
    return expression


LINE_ENDS = re.compile("[\\n\\r\\x85\\u2028\\u2029]")


def _check_line(value: str) -> str:
    match = LINE_ENDS.search(value)
    if match is not None:
        raise fault(f"has the line end {match[0]!r} in it", "one line of text")
    return value


LINE = AfterValidator(_check_line)
"""Of a text that the service takes on one line only: its pattern has `.`, which matches no line end."""


def _check_description(value: str) -> str:
    wrong = next((char for char in value if unicodedata.category(char).startswith("C")), None)
    if wrong is not None:
        raise fault(f"has {wrong!r} in it", "one line of letters, digits, marks and spaces")
    return value


Description = Annotated[
    str, Field(min_length=1, max_length=1024), AfterValidator(_check_description)
]
"""EntityDescription (botocore 1.44.5)."""

Text = Annotated[str, Field(min_length=1)]
ScalarText = Annotated[
    str, BeforeValidator(_read_text, json_schema_input_type=str | int | float | bool)
]
Flag = Annotated[bool, BeforeValidator(_read_flag, json_schema_input_type=bool | FlagWord)]
Number = Annotated[
    int | float,
    BeforeValidator(
        _check_number,
        json_schema_input_type=float | Annotated[str, Field(pattern=SCIENTIFIC)],
    ),
]
TextList = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(read_list, json_schema_input_type=str | list[str]),
]

S3Distribution = Literal["FullyReplicated", "ShardedByS3Key"]

TAG_MARKS = frozenset("_.:/=+-@")


def _check_tag_text(value: str) -> str:
    if not all(char.isalnum() or char == " " or char in TAG_MARKS for char in value):
        raise fault("is not allowed in a tag", "letters, digits, spaces and _.:/=+-@")
    return value


def _check_tag_key(value: str) -> str:
    if value.lower().startswith("aws:"):
        raise fault("begins with 'aws:', which only AWS itself may use")
    return value


class Tag(ConfigModel):
    """One tag, in the spelling of the service."""

    key: Annotated[ScalarText, AfterValidator(_check_tag_text), AfterValidator(_check_tag_key)] = (
        Field(alias="Key", min_length=1, max_length=128)
    )
    """The tag's name."""
    value: Annotated[ScalarText, AfterValidator(_check_tag_text)] = Field(
        alias="Value", max_length=256
    )
    """The tag's value."""


def _check_tags(tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    keys = [tag.key for tag in tags]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise fault("a tag of this name is already defined above", at=(index, "Key"))
    return tags


Tags = Annotated[tuple[Tag, ...], Field(strict=False, max_length=50), AfterValidator(_check_tags)]
