"""The builds of a synthesized delivery, run as CodeBuild runs them: their commands, in its layout.

It never makes up a command: each comes out of the template.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

TEMPLATE = "Smp-Delivery.template.json"
PHASES = ("install", "pre_build", "build")
SECONDS = 300


@dataclass(frozen=True)
class Build:
    """One action of the delivery that runs in CodeBuild."""

    commands: Mapping[str, Sequence[str]]
    """Those of each phase."""
    sources: tuple[str, ...]
    """The names of its artifacts, the primary one first."""
    output: str | None

    exported: tuple[str, ...] = ()
    """Variables that later actions see."""

    def program(self, phases: Sequence[str], exported: Path) -> str:
        """Return the commands as one program for a shell: the first that fails ends it."""
        commands = [command for phase in phases for command in self.commands[phase]]
        writes = [f'printf %s "${name}" > {exported / name}' for name in self.exported]
        return "\n".join(("set -e", *commands, *writes))


@dataclass(frozen=True)
class Finished:
    """What a build came to."""

    status: int
    printed: str
    exported: Mapping[str, str]


def builds_of(assembly: Path) -> dict[str, Build]:
    """Return the builds of a synthesized delivery by `Stage.Action`."""
    resources = json.loads((assembly / TEMPLATE).read_text("utf-8"))["Resources"]
    (pipeline,) = (r for r in resources.values() if r["Type"] == "AWS::CodePipeline::Pipeline")
    return {
        f"{stage['Name']}.{action['Name']}": _build(action, resources, assembly)
        for stage in pipeline["Properties"]["Stages"]
        for action in stage["Actions"]
        if action["ActionTypeId"]["Provider"] == "CodeBuild"
    }


def _build(action: Json, resources: Json, assembly: Path) -> Build:
    configuration = action["Configuration"]
    project = resources[configuration["ProjectName"]["Ref"]]
    text = project["Properties"]["Source"]["BuildSpec"]
    file = assembly / text
    written = yaml.safe_load(
        file.read_text("utf-8") if len(text) < 200 and file.is_file() else text
    )
    names = [artifact["Name"] for artifact in action["InputArtifacts"]]
    primary = configuration.get("PrimarySource", names[0])
    phases = written["phases"]
    return Build(
        commands={phase: phases.get(phase, {}).get("commands", []) for phase in PHASES},
        sources=(primary, *(name for name in names if name != primary)),
        output=written.get("artifacts", {}).get("base-directory"),
        exported=tuple(written.get("env", {}).get("exported-variables", ())),
    )


@dataclass(frozen=True)
class BuildHost:
    """A directory in which builds run one after another, each in a fresh copy of its sources.

    Python's packages are read from those of `installed`, another checkout, and Node's are a copy, as if
    a build's cache had them: `make setup` runs in every build, finds them up to date, and installs the
    project itself. Nothing in the other checkout is within reach of a program that installs.
    """

    place: Path
    installed: Path

    @property
    def source(self) -> Path:
        """The primary source's directory: the same in every build, as on a host with a cache."""
        return self.place / "src" / "00"

    def run(
        self,
        build: Build,
        artifacts: Mapping[str, Path],
        variables: Mapping[str, str],
        *,
        phases: Sequence[str] = PHASES,
    ) -> Finished:
        """Run a build; `artifacts` are the directories of its sources by name."""
        places = self._lay_out(build, artifacts)
        return _end(build, self._begin(build, {**variables, **places}, phases), self.place)

    def run_at_once(
        self,
        build: Build,
        artifacts: Mapping[str, Path],
        variables: Sequence[Mapping[str, str]],
    ) -> list[Finished]:
        """Install once, then run the commands of several builds at the same moment."""
        places = self._lay_out(build, artifacts)
        installed = self._begin(build, {**variables[0], **places}, ["install"])
        assert _end(build, installed, self.place).status == 0
        begun = [self._begin(build, {**each, **places}, ["build"]) for each in variables]
        return [_end(build, process, self.place) for process in begun]

    def _begin(
        self, build: Build, variables: Mapping[str, str], phases: Sequence[str]
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-c", build.program(phases, self.place)],
            cwd=self.source,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _lay_out(self, build: Build, artifacts: Mapping[str, Path]) -> dict[str, str]:
        """Copy the sources to where CodeBuild puts them, and return the variables that say where."""
        cached = self._kept_from_the_build_before()
        shutil.rmtree(self.place / "src", ignore_errors=True)
        variables = {"CODEBUILD_BUILD_ID": "build:1", "CODEBUILD_SRC_DIR": str(self.source)}
        for index, name in enumerate(build.sources):
            directory = self.source.with_name(f"{index:02}")
            shutil.copytree(artifacts[name], directory, symlinks=True)
            variables[f"CODEBUILD_SRC_DIR_{name}"] = str(directory)
        if (self.source / "Makefile").is_file():
            self._restore(cached)
        return variables

    def _kept_from_the_build_before(self) -> Path:
        cached = self.place / "cached"
        cached.mkdir(exist_ok=True)
        for name in (".venv", "node_modules"):
            if (self.source / name).is_dir():
                (self.source / name).rename(cached / name)
        return cached

    def _restore(self, cached: Path) -> None:
        if not (cached / ".venv").is_dir():
            make_environment(self.installed / ".venv", self.source / ".venv")
            shutil.copytree(
                self.installed / "node_modules", self.source / "node_modules", symlinks=True
            )
        for path in cached.iterdir():
            path.rename(self.source / path.name)
        (self.source / ".cache").mkdir()
        for name in ("jsii", "node"):
            (self.source / ".cache" / name).symlink_to(self.installed / ".cache" / name)
        for age, names in enumerate((LOCKS, [".venv/.packages"], ["node_modules/.installed"])):
            for name in names:
                os.utime(self.source / name, (age, age))


def _end(build: Build, process: subprocess.Popen[str], exported: Path) -> Finished:
    try:
        printed, _ = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    files = [exported / name for name in build.exported]
    values = {file.name: file.read_text("utf-8") for file in files if file.is_file()}
    return Finished(process.returncode, printed, values)


LOCKS = ("package-lock.json", "package.json", "requirements.lock", "tools/install_packages.py")
"""What `make setup` compares with what is installed: older, so that nothing is fetched."""


def make_environment(installed: Path, environment: Path) -> None:
    """Make a virtual environment that reads the packages of another one, but not its project."""
    venv.create(environment, symlinks=True)
    (packages,) = (path.relative_to(installed) for path in installed.glob("lib/*/site-packages"))
    (environment / packages / "installed.pth").write_text(f"{installed / packages}\n", "utf-8")
    (environment / "bin" / "node").symlink_to(installed / "bin" / "node")
    pytest = (installed / "bin" / "pytest").read_text("utf-8")
    script = environment / "bin" / "pytest"
    script.write_text(pytest.replace(str(installed), str(environment), 1), "utf-8")
    script.chmod(0o755)
    (environment / ".packages").touch()
