"""Writes the skeleton of a step class: its file in every layer, and its entry in every table.

`python -m tools.new_step_class DeleteModel` makes a class with a step type of the same name, refused by all
engines until somebody writes it. With `--becomes Lambda` the class becomes steps of a type that is there.
docs/adding-a-step-class.md describes what is left to write.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CONFIG = '''\
"""{name}: the keys of the step."""

from __future__ import annotations

from typing import Literal

from smp.config.steps.base import StepBase
from smp.config.values.base import TextList


class {name}Step(StepBase):
    """What the step does."""

    step_class: Literal["{name}"]
    """What the step does."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""
'''
GRAPH = '''\
"""{name}: what the step needs of others."""

from __future__ import annotations

from smp.config.steps.{stem} import {name}Step
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass


def _check(_findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, {name}Step)
    return {{}}


{constant} = StepClass(
    config={name}Step,
    renderer="{stem}.render_{stem}",
    becomes="{becomes}",
    check=_check,
    takes_chains=False,
)
'''
COMPILER = '''\
"""Renders {name} steps."""

from __future__ import annotations

from typing import Any

from smp.compiler.steps.context import StepContext
from smp.graph.nodes import StepNode


def render_{stem}(context: StepContext, node: StepNode) -> list[Any]:
    """Render a {name} step."""
    raise NotImplementedError("compose the step with the SageMaker SDK")
'''
TEST = '''\
"""{name} steps in the definition."""

from __future__ import annotations

from pathlib import Path

from tests.compiler.compiling import compile_demo, step


def test_a_step_has_the_type_of_its_class(tmp_path: Path) -> None:
    assert step(compile_demo(tmp_path, "one: {name}"), "one")["Type"] == "{becomes}"
'''
PAGE = """\
# {words}

A step of class `{name}` …

```yaml
- step_name: one
  step_class: {name}
```
"""
ROW = '{constant} = StepType("{name}", "M3 3h10v10H3zM3 3l10 10", metadata="{name}")\n\n'
REFUSED = '    "{name}": Refused("a step of type {name}", "{instead}"),\n'
INSTEAD = "keep `sagemaker` as its target"

STEP_TYPES = "smp/definition/step_types.py"
CLASSES = "smp/graph/step_classes/__init__.py"
UNION = "smp/config/steps/any_step.py"
REFERENCE = "smp/config/documents/reference.py"
ENGINES = {
    "smp/local/jobs/kinds.py": ("JOBS: Mapping",),
    "smp/export/stepfunctions/step_types.py": ("STEPS: Mapping",),
    "smp/export/airflow/step_types.py": ("DAG_STEPS: Mapping", "SERVERLESS_STEPS: Mapping"),
}
"""The tables of the engines, each with an entry for every type."""


class PlaceNotFoundError(Exception):
    """A table is not in the form that this program expects."""


@dataclass(frozen=True)
class Names:
    """A class and the names that follow from its own."""

    name: str
    becomes: str

    @property
    def stem(self) -> str:
        """The name of its files: `EMRServerless` gives `emr_serverless`."""
        return "_".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", self.name)).lower()

    @property
    def constant(self) -> str:
        """The name of its rows."""
        return self.stem.upper()

    def fill(self, text: str) -> str:
        """Return a text with the names put in."""
        return text.format(
            name=self.name,
            stem=self.stem,
            constant=self.constant,
            becomes=self.becomes,
            words=self.stem.replace("_", " ").capitalize(),
            instead=INSTEAD,
        )


def new_files(names: Names) -> dict[str, str]:
    """Return the files of a class, by their paths."""
    return {
        f"smp/config/steps/{names.stem}.py": names.fill(CONFIG),
        f"smp/graph/step_classes/{names.stem}.py": names.fill(GRAPH),
        f"smp/compiler/steps/{names.stem}.py": names.fill(COMPILER),
        f"tests/compiler/test_{names.stem}.py": names.fill(TEST),
        f"docs/{names.stem.replace('_', '-')}.md": names.fill(PAGE),
    }


def edits(names: Names, root: Path) -> dict[str, str]:
    """Return the tables with the class in them, by their paths."""
    classes = (root / CLASSES).read_text("utf-8")
    classes = _with_import(
        classes, names.fill("from smp.graph.step_classes.{stem} import {constant}")
    )
    union = (root / UNION).read_text("utf-8")
    union = _with_import(union, names.fill("from smp.config.steps.{stem} import {name}Step"))
    reference = (root / REFERENCE).read_text("utf-8")
    heading = names.fill('    "{name}Step": "….steps[] with step_class: {name}",\n')
    found = {
        REFERENCE: _before_end(reference, "SECTIONS = ", heading),
        CLASSES: _before_end(
            classes, "STEP_CLASSES: Mapping", names.fill('    "{name}": {constant},\n')
        ),
        UNION: _inserted(union, r",\n    Field\(discriminator", names.fill("\n    | {name}Step")),
    }
    if names.becomes == names.name:
        types = (root / STEP_TYPES).read_text("utf-8")
        types = _inserted(types, r"^STEP_TYPES: Mapping", names.fill(ROW))
        row = names.fill("        {constant},\n")
        found[STEP_TYPES] = _before_end(types, "STEP_TYPES: Mapping", row, end="    )\n}")
        for path, tables in ENGINES.items():
            text = (root / path).read_text("utf-8")
            for table in tables:
                text = _before_end(text, table, names.fill(REFUSED))
            found[path] = text
    return found


def _with_import(text: str, line: str) -> str:
    return _inserted(text, r"^from smp\.", f"{line}\n")


def _inserted(text: str, before: str, inserted: str) -> str:
    match = re.search(before, text, re.MULTILINE)
    if match is None:
        raise PlaceNotFoundError(f"nothing in the file matches {before}")
    return text[: match.start()] + inserted + text[match.start() :]


def _before_end(text: str, table: str, row: str, end: str = "}") -> str:
    start = re.search(rf"^{table}", text, re.MULTILINE)
    close = text.find(f"\n{end}", start.start()) if start else -1
    if close < 0:
        raise PlaceNotFoundError(f"there is no table {table} that ends with {end}")
    return text[: close + 1] + row + text[close + 1 :]


def write(names: Names, root: Path) -> list[str]:
    """Write the skeleton into a checkout; returns the paths of what was written."""
    made, changed = new_files(names), edits(names, root)
    there = [path for path in made if (root / path).exists()]
    if there:
        raise FileExistsError(f"{', '.join(there)}: there already")
    for path, text in (made | changed).items():
        (root / path).write_text(text, encoding="utf-8")
    code = [path for path in (*made, *changed) if path.endswith(".py")]
    for command in (("check", "--quiet", "--fix-only", "--select", "I"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *command, *code], cwd=root, check=True)
    return [*made, *changed]


def main(arguments: list[str]) -> int:
    """Write the skeleton; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.new_step_class", description=__doc__)
    parser.add_argument("name", help="the value of step_class, such as DeleteModel")
    parser.add_argument(
        "--becomes", metavar="TYPE", help="a type of step that is there (default: a new one)"
    )
    chosen = parser.parse_args(arguments)
    if not re.fullmatch(r"([A-Z]+[a-z0-9]*)+", chosen.name):
        parser.error(
            f"{chosen.name}: write words that start with a capital letter, such as DeleteModel"
        )
    try:
        written = write(Names(chosen.name, chosen.becomes or chosen.name), ROOT)
    except (FileExistsError, PlaceNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(written))
    print("==> what is left to write: docs/adding-a-step-class.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
