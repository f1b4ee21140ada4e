"""Runs a project's commands as CodeBuild does, with an `aws` that keeps objects and builds in a directory.

It knows the commands of pull request builds alone, and fails for every other. It imports nothing that
is not Python's own: every command of a build starts it anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHIM = "#!/bin/sh\nexec '{python}' -S '{program}' '{state}' \"$@\"\n"
BUSY = "busy"


@dataclass(frozen=True)
class BuildMachine:
    """`state` holds objects, projects and what their builds said."""

    state: Path

    def add_project(self, name: str, commands: list[str], variables: Mapping[str, str]) -> None:
        project = {"commands": commands, "variables": dict(variables)}
        (self.state / f"{name}.project").write_text(json.dumps(project), "utf-8")

    def be_busy_once(self) -> None:
        (self.state / BUSY).touch()

    def run(self, name: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a project's commands in an empty directory with the variables of a build."""
        project = json.loads((self.state / f"{name}.project").read_text("utf-8"))
        programs = self.state / "bin"
        programs.mkdir(exist_ok=True)
        for program, text in (
            ("aws", SHIM.format(python=sys.executable, program=__file__, state=self.state)),
            ("sleep", "#!/bin/sh\n"),
        ):
            (programs / program).write_text(text, "utf-8")
            (programs / program).chmod(0o755)
        place = self.state / f"{name}.work"
        place.mkdir(exist_ok=True)
        environment = {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "HOME": str(place),
            "CODEBUILD_BUILD_ID": f"{name}:1234-abcd",
            "CODEBUILD_SRC_DIR": str(place),
            **project["variables"],
            **variables,
        }
        return subprocess.run(
            ["bash", "-c", "\n".join(project["commands"])],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def log(self, name: str) -> str:
        return (self.state / f"{name}.log").read_text("utf-8")


def main(state: Path, arguments: list[str]) -> int:
    """Be `aws`: `s3 cp` to and from the bucket, `codebuild start-build` and `batch-get-builds`."""
    match arguments:
        case ["s3", "cp", "--quiet", uri, "-"]:
            sys.stdout.buffer.write(_object(state, uri).read_bytes())
        case ["s3", "cp", "--quiet", file, uri]:
            _object(state, uri).write_bytes(Path(file).read_bytes())
        case ["codebuild", "start-build", "--project-name", name, *_, change, model]:
            if (state / BUSY).exists():
                (state / BUSY).unlink()
                print("AccountLimitExceededException", file=sys.stderr)
                return 254
            variables = dict(_override(text) for text in (change, model))
            done = BuildMachine(state).run(name, variables)
            (state / f"{name}.log").write_text(done.stdout, "utf-8")
            (state / f"{name}.status").write_text(str(done.returncode), "utf-8")
            print(f"{name}:1")
        case ["codebuild", "batch-get-builds", "--ids", build, "--query", query, *_]:
            status = (state / f"{build.partition(':')[0]}.status").read_text("utf-8")
            result = "SUCCEEDED" if status == "0" else "FAILED"
            print(result if query.endswith("buildStatus") else f"https://log/{build}")
        case _:
            print(f"not an expected command: {arguments}", file=sys.stderr)
            return 2
    return 0


def _object(state: Path, uri: str) -> Path:
    return state / uri.removeprefix("s3://").replace("/", "+")


def _override(text: str) -> tuple[str, str]:
    name, value = text.removeprefix("name=").split(",value=")
    return name, value


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
