"""The files that a step names by its own keys: each has to be in the model's source directory."""

from __future__ import annotations

from pathlib import Path

from smp.config.read.scripts import is_inside
from smp.graph.findings import DeclaredStep, Findings
from smp.text.messages import shown


def check_named_files(findings: Findings, step: DeclaredStep, directories: tuple[str, ...]) -> None:
    """Report each path that does not lead to a file; `directories` are keys that may name directories."""
    model, index = findings.places[step.config.step_name]
    source = step.model.source_directory
    for place, path in step.config.named_files():
        reason = file_error(source / path, step.model.directory, place[0] in directories)
        if reason is not None:
            findings.report(
                reason,
                *("models", model, "steps", index, *place),
                found=shown(path),
                hint=f"put it below {source.name}/, the model's source_directory",
            )


def file_error(target: Path, directory: Path, may_be_directory: bool = False) -> str | None:
    """Return what is wrong with a path; it may not be a link out of the model's directory."""
    if not target.is_file() and not (may_be_directory and target.is_dir()):
        return f"there is no such file{' or directory' if may_be_directory else ''}"
    return None if is_inside(target, directory) else "is a link out of the model's own directory"
