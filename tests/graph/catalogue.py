"""The catalogue of what can be wrong between steps: reads `catalogue.txt` and renders its cases.

A case is `=== id`, `% model.section: …` lines that replace a section of the two models, `| ` lines of the
pipeline file, `>>>` and the entire message. `python -m tests.graph.catalogue` writes it anew with the
messages of today, for review.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.errors import ConfigError
from smp.graph import build_graphs
from tests.graph.workspace import load

FILE = Path(__file__).with_name("catalogue.txt")


@dataclass(frozen=True)
class Case:
    """One bad pipeline and the entire message."""

    id: str
    overrides: dict[str, str]
    pipeline: str
    expected: str

    def __str__(self) -> str:
        overrides = "".join(f"% {k}: {v}".rstrip() + "\n" for k, v in self.overrides.items())
        text = "".join(f"|{line}\n" for line in self.pipeline.splitlines())
        return f"=== {self.id}\n{overrides}{text}>>>\n{self.expected}\n"


def read_cases() -> Iterator[Case]:
    for block in FILE.read_text(encoding="utf-8").split("=== ")[1:]:
        head, _, expected = block.partition(">>>\n")
        name, *lines = head.splitlines()
        overrides = [line[2:].partition(":") for line in lines if line.startswith("% ")]
        yield Case(
            id=name.strip(),
            overrides={key: value.strip() for key, _, value in overrides},
            pipeline="".join(f"{line[1:]}\n" for line in lines if line.startswith("|")),
            expected=expected.strip("\n"),
        )


def message_of(case: Case, workspace: Path) -> str:
    """Return the whole message of a case, or nothing where the pipeline is valid."""
    overrides = {key.replace(".", "__"): text for key, text in case.overrides.items()}
    try:
        build_graphs(load(workspace, case.pipeline, **overrides))
    except ConfigError as error:
        return str(error)
    return ""


def main() -> None:
    """Write the catalogue with today's messages."""
    cases = []
    for case in read_cases():
        with tempfile.TemporaryDirectory() as directory:
            expected = message_of(case, Path(directory).resolve())
        cases.append(str(Case(case.id, case.overrides, case.pipeline, expected)))
    FILE.write_text("\n".join(cases), encoding="utf-8")


if __name__ == "__main__":
    main()
