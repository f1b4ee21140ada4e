"""What a transform job is to do, in one file that the runner writes and the job reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .selection import parse_selection

NAME = "plan.json"
CSV, JSON, JSON_LINES = "CSV", "JSON", "JSON Lines"

_FORMATS = {
    "text/csv": CSV,
    "application/json": JSON,
    "application/jsonlines": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
}


@dataclass(frozen=True)
class Plan:
    """The request's settings; None stands for one that the request leaves to the model server.

    `input` and `output` are directories, read and written with the same relative paths.
    """

    input: str
    output: str
    content_type: str | None = None
    accept: str | None = None
    compressed: bool = False
    split: str = "None"
    strategy: str | None = None
    assemble: str = "None"
    max_payload_mb: int | None = None
    max_concurrent: int | None = None
    timeout_seconds: int = 600
    max_retries: int = 3
    input_filter: str = "$"
    output_filter: str = "$"
    join: bool = False

    @property
    def single(self) -> bool:
        """Whether each request has one record only."""
        return self.strategy == "SingleRecord" and self.split != "None"

    @property
    def associates(self) -> bool:
        """Whether records are filtered or joined, so that their content has to be read."""
        return self.join or self.input_filter != "$" or self.output_filter != "$"

    def write(self, directory: Path) -> None:
        """Write the file for the job."""
        (directory / NAME).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Plan:
        """Read the file in the job."""
        return cls(**json.loads((directory / NAME).read_text(encoding="utf-8")))

    def faults(self) -> Iterator[str]:
        """Yield what the service would refuse."""
        if self.strategy == "SingleRecord" and self.split == "None":
            yield "BatchStrategy SingleRecord needs a SplitType: Line, RecordIO or TFRecord"
        if (self.max_concurrent or 1) * (self.max_payload_mb or 0) > 100:
            yield "MaxConcurrentTransforms times MaxPayloadInMB is more than 100 MB"
        if not self.associates:
            return
        for name, path in (
            ("InputFilter", self.input_filter),
            ("OutputFilter", self.output_filter),
        ):
            try:
                parse_selection(path)
            except ValueError as error:
                yield f"{name}: {error}"
        if self.split not in ("None", "Line"):
            yield f"filters and JoinSource need SplitType None or Line, not {self.split}"
        needed = {"ContentType": self.content_type}
        if self.accept is not None:
            needed["Accept"] = self.accept
        for name, value in needed.items():
            if format_of(value) is None:
                allowed = ", ".join(_FORMATS)
                yield f"filters and JoinSource need another {name} than {value}: {allowed}"
        formats = {format_of(value) == CSV for value in needed.values()}
        if self.join and len(formats) > 1:
            yield f"JoinSource cannot join {self.content_type} with {self.accept}"


def format_of(content_type: str | None) -> str | None:
    """Return the format that a content type names, None for one whose records are opaque."""
    return _FORMATS.get((content_type or "").split(";")[0].strip().lower())
