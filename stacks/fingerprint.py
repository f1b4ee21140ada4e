"""Decides whether an assembly was made from exactly what lies here now; if so, nothing is made anew.

It imports the standard library alone, so that an unchanged app costs next to nothing, and in doubt it
says that something changed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.config.read.files import FileSet, find_files
from smp.config.read.fingerprint import (
    digest,
    file_digest,
    identity,
    installation_lines,
    walk,
    workspace_lines,
)
from smp.errors import SmpError
from smp.text.atomic_file import write_atomically

STAMP = ".smp-synth.json"
ALWAYS = "SMP_SYNTH_ALWAYS"
DELIVERY_VARIABLES = (
    "BUILDKITE",
    "BUILD_BUILDID",
    "CI",
    "CIRCLECI",
    "CODEBUILD_BUILD_ID",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
)
"""Where one of these is set a build delivers: it always makes everything."""

COUNTED_VARIABLES = re.compile(r"(CDK|JSII|NODE|PYTHON|SMP)_?[A-Za-z0-9_]*")
UNCOUNTED_VARIABLES = frozenset({"CDK_CONTEXT_JSON", "CDK_OUTDIR"})
"""The context and the directory count as what they mean, not as they are spelt."""

CONFIG_VARIABLE = re.compile(rb"env:\s*([A-Za-z_][A-Za-z0-9_]*)")
"""Any environment variable that a configuration may refer to by `${env:NAME}`."""

UNCOUNTED_CONTEXT = frozenset({"aws:cdk:bundling-stacks"})
"""It differs between commands of the CDK and only matters to bundled assets; this app has none."""

OWN_DIRECTORIES = ("constructs_lib", "smp", "stacks")
OWN_SUFFIXES = frozenset({".cfg", ".in", ".json", ".lock", ".py", ".toml", ".txt"})

CLI_FILES = frozenset({"error.txt", "performance-counters.json"})
"""What the CDK's command line reads and removes in an assembly."""


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly on disk and the fingerprint of what it would be made from now."""

    directory: Path
    inputs: str | None
    """None: in doubt, or asked to make it anew."""

    @classmethod
    def of(
        cls,
        workspace: Path,
        environ: Mapping[str, str],
        context: Mapping[str, Any],
        pattern: str | None,
    ) -> Assembly:
        """Take the fingerprint of everything that a synthesis reads."""
        directory = workspace / environ.get("CDK_OUTDIR", "cdk.out")
        if environ.get(ALWAYS) == "1" or pattern is None:
            return cls(directory, None)
        if any(environ.get(name) for name in DELIVERY_VARIABLES):
            return cls(directory, None)
        try:
            files = find_files(workspace, pattern)
        except (OSError, SmpError):
            return cls(directory, None)
        lines = _inputs(workspace, environ, context, files)
        return cls(directory, digest([str(directory), *lines]))

    def is_current(self) -> bool:
        """Whether it was made from these inputs and is as it was then."""
        if self.inputs is None:
            return False
        try:
            stamp = json.loads((self.directory / STAMP).read_text("utf-8"))
            if stamp["inputs"] != self.inputs:
                return False
            return all(
                file_digest(self.directory / name) == digest
                for name, digest in stamp["outputs"].items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Make the assembly anew: what happens inside counts only when it came to its end."""
        (self.directory / STAMP).unlink(missing_ok=True)
        yield
        if self.inputs is not None and _passed_validation(self.directory):
            outputs = {name: file_digest(self.directory / name) for name in self._files()}
            stamp = {"inputs": self.inputs, "outputs": outputs}
            write_atomically(self.directory / STAMP, json.dumps(stamp))

    def _files(self) -> Iterator[str]:
        for path in walk(self.directory):
            if path.is_dir() and not path.is_symlink():
                continue
            name = path.relative_to(self.directory)
            cached = name.parts[0] == ".cache"
            if not cached and name.name not in CLI_FILES and path.suffix != ".lock":
                yield name.as_posix()


def _inputs(
    workspace: Path, environ: Mapping[str, str], context: Mapping[str, Any], files: FileSet
) -> Iterator[str]:
    """Yield one line for each input."""
    yield from _tools(environ)
    yield json.dumps(
        {key: value for key, value in context.items() if key not in UNCOUNTED_CONTEXT},
        sort_keys=True,
    )
    own = [path for path in sorted(workspace.iterdir()) if path.suffix in OWN_SUFFIXES]
    own += [path for name in OWN_DIRECTORIES for path in walk(workspace / name)]
    yield from (f"{path} {file_digest(path)}" for path in own)
    yield from workspace_lines(workspace, files)
    counted = {name for name in environ if COUNTED_VARIABLES.fullmatch(name)} - UNCOUNTED_VARIABLES
    for file in files.files:
        found = CONFIG_VARIABLE.findall(file.read_bytes())
        counted |= {name.decode() for name in found}
    for name in sorted(counted):
        yield f"{name}={environ.get(name)!r}"


def _tools(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what runs the app: Python, every installed package, Node."""
    yield from installation_lines()
    node = environ.get("JSII_NODE") or shutil.which("node", path=environ.get("PATH"))
    if node and Path(node).is_file():
        yield f"{node} {identity(Path(node))}"


def _passed_validation(directory: Path) -> bool:
    """Whether no policy check found anything: what it found is to be shown every time."""
    try:
        report = json.loads((directory / "validation-report.json").read_text("utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return all(plugin["conclusion"] == "success" for plugin in report["pluginReports"])
