"""The error catalogue: what a file says wrongly, and the entire message that its author gets.

A case begins with `=== id`. It holds a whole file (lines that begin with `|`; `@ path` before them
names another file than the usual one), or a change to the valid file of `tests.config.workspace`
(`-` what stands there, `+` what stands there instead), and after `>>>` the message.
`python -m tests.config.catalogue` writes the messages anew; read the difference before committing it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.config.load import load_project
from smp.errors import SmpError
from tests.config.workspace import BASE, CONF, make_workspace

HERE = Path(__file__).parent
ENVIRON = {
    "STAGE": "dev",
    "COUNT": "three",
    "HOSTILE": "${smp:bucket}",
    "EXPRESSION": "${parameters.rounds}",
}


@dataclass(frozen=True)
class Case:
    """One entry of the catalogue."""

    id: str
    change: str
    expected: str

    def files(self) -> dict[str, str]:
        """Return the text of each file, by path in the workspace."""
        files: dict[str, list[str]] = {}
        name = CONF
        old: list[str] = []
        new: list[str] = []
        for line in self.change.splitlines():
            mark, rest = line[:1], line[1:]
            if mark == "@":
                name = rest.strip()
            elif mark == "|":
                files.setdefault(name, []).append(rest)
            else:
                {"-": old, "+": new}[mark].append(rest)
        texts = {name: "\n".join(lines) + "\n" for name, lines in files.items()}
        return {CONF: self._changed(old, new), **texts} if old else texts

    def _changed(self, old: list[str], new: list[str]) -> str:
        before = "\n".join(old)
        assert BASE.count(before) == 1, f"{self.id}: {before!r} does not stand there once"
        return BASE.replace(before, "\n".join(new))


def read_cases() -> Iterator[Case]:
    """Yield every case of every file beside this one."""
    for file in sorted(HERE.glob("*.txt")):
        for entry in re.split(r"^=== ", file.read_text(), flags=re.MULTILINE)[1:]:
            head, _, expected = entry.partition("\n>>>\n")
            name, _, change = head.partition("\n")
            yield Case(name, change, expected.rstrip("\n"))


def message_of(case: Case, directory: Path) -> str:
    """Load the case's workspace and return the message, with the workspace's own path left out."""
    workspace = make_workspace(directory, case.files())
    try:
        load_project(workspace, "model_configs/**/*.yaml", ENVIRON)
    except SmpError as error:
        return str(error).replace(str(workspace.resolve()), "WORKSPACE")
    return "(no error)"


def rewrite() -> None:
    """Write every case's message anew."""
    for file in sorted(HERE.glob("*.txt")):
        text = file.read_text()
        preface = text[: text.index("=== ")]
        entries = []
        for entry in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
            head, _, _ = entry.partition("\n>>>\n")
            name, _, change = head.rstrip("\n").partition("\n")
            with tempfile.TemporaryDirectory() as directory:
                message = message_of(Case(name, change, ""), Path(directory).resolve())
            entries.append(f"=== {name}\n{change}\n>>>\n{message}\n")
        file.write_text(preface + "\n".join(entries))
