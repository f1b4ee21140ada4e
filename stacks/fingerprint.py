"""Decides whether an assembly was made from exactly what is there now; if so, nothing is made anew.

It imports the standard library alone, so that an unchanged app costs next to nothing. In doubt something
changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.compiler.cache.fingerprint import (
    Sources,
    config_trees,
    entry_content,
    installation_lines,
    signature,
    walk_all,
)
from smp.compiler.cache.record import Record, Recording, is_unchanged
from smp.config.read.files import FileSet, find_files
from smp.errors import SmpError
from smp.text.atomic_file import write_atomically

STAMP = ".smp-synth.json"
LOCK = ".smp-synth.lock"
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
"""If one of these is set, a build delivers: it always makes everything."""

COUNTED_VARIABLES = re.compile(r"(CDK|JSII|NODE|PYTHON|SMP)_?[A-Za-z0-9_]*")
"""What Python, Node and the CDK read by themselves. What the app reads is recorded."""
UNCOUNTED_VARIABLES = frozenset({"CDK_CONTEXT_JSON", "CDK_OUTDIR"})
"""The context and the directory count as what they mean, not as they are spelt."""

UNCOUNTED_CONTEXT = frozenset({"aws:cdk:bundling-stacks"})
"""It differs between commands of the CDK and only matters to bundled assets; this app has none."""

OWN_DIRECTORIES = ("constructs_lib", "smp", "stacks")
OWN_SUFFIXES = frozenset({".cfg", ".in", ".json", ".lock", ".py", ".toml", ".txt"})

CLI_FILES = re.compile(r"\.cache|[^/]*\.lock|error\.txt|performance-counters\.json")
"""What the CDK's command line keeps, reads and removes at the top of an assembly."""

ASSET_PREFIX = "asset."
"""What the name of an asset begins with, a file or directory at the top of an assembly."""

PACKAGE_CACHE = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"
"""Directory to which the CDK's library is unpacked for Node."""
PACKAGE_BOOKKEEPING = (".jsii-runtime-package-cache", ".jsii.runtime-", ".jsii.runtime.")
"""Files by which jsii notes when a library was used, and indexes that it makes after that."""
NOT_READ_BY_NODE = ".d.ts"
"""Declarations for a TypeScript compiler: four files in ten of the libraries."""


@dataclass(frozen=True)
class Assembly:
    """A cloud assembly on disk, and what it would be made from now."""

    directory: Path
    work: Path
    environ: Mapping[str, str]
    sources: Sources | None
    """None: in doubt, or asked to make it anew."""
    configs: tuple[Path, ...]
    """Files of configurations."""

    @classmethod
    def of(
        cls,
        workspace: Path,
        environ: Mapping[str, str],
        context: Mapping[str, Any],
        pattern: str | None,
    ) -> Assembly:
        """Find everything that a synthesis reads, as far as that is known before it."""
        directory = workspace / environ.get("CDK_OUTDIR", "cdk.out")
        work = workspace / ".smp"
        found = _found(workspace, pattern)
        sources = None
        is_delivery = any(environ.get(name) for name in DELIVERY_VARIABLES)
        if environ.get(ALWAYS) != "1" and found is not None and not is_delivery:
            with suppress(OSError):
                sources = Sources(
                    values=(str(directory), str(pattern), *_values(environ, context)),
                    trees=(*_own_files(workspace), *config_trees(workspace, found)),
                    code=tuple(workspace / name for name in OWN_DIRECTORIES),
                    apart=(directory, work, workspace / ".cache"),
                )
        return cls(directory, work, environ, sources, found.files if found else ())

    def is_current(self) -> bool:
        """Whether it was made from these inputs and is as it was then."""
        if self.sources is None:
            return False
        try:
            stamp = json.loads((self.directory / STAMP).read_text("utf-8"))
            return (
                is_unchanged(stamp["record"], self.sources, self.environ, self.work)
                and _package_cache(self.environ) == stamp["package_cache"]
                and self._outputs() == stamp["outputs"]
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    @contextmanager
    def renewed(self) -> Iterator[Mapping[str, str]]:
        """Make the assembly anew: what happens inside counts only when it came to its end.

        Gives the variables of the environment, which note what of them is read.
        """
        self._remove_doubtful_assets()
        (self.directory / STAMP).unlink(missing_ok=True)
        if self.sources is None:
            yield self.environ
            return
        recording = Recording.start(self.sources, self.environ, self.work)
        packages = _package_cache(self.environ)
        yield recording.environ
        record = recording.finish(_read_by_node())
        if record is not None and _passed_validation(self.directory):
            self._stamp(record, packages)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for another synthesis of the same directory: the files of two would be mixed."""
        with ExitStack() as stack:
            with suppress(OSError):  # a directory that is read alone has no synthesis to wait for
                self.directory.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context((self.directory / LOCK).open("a"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _stamp(self, record: Record, packages_before: Mapping[str, str]) -> None:
        packages = _package_cache(self.environ)
        if packages_before.items() <= packages.items():  # what is unpacked meanwhile is added
            stamp = {"record": record, "package_cache": packages, "outputs": self._outputs()}
            write_atomically(self.directory / STAMP, json.dumps(stamp))

    def _remove_doubtful_assets(self) -> None:
        """Remove the assets that are not as the last stamp has them.

        The CDK takes an asset that is there for whole: one that was half copied when a synthesis was
        killed, or changed since, would be published under the hash of another content.
        """
        if not self.directory.is_dir():
            return
        now = _by_asset(self._outputs())
        known = _by_asset(self._outputs_when_stamped())
        for name, files in now.items():
            if files != known.get(name):
                path = self.directory / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def _outputs_when_stamped(self) -> dict[str, str]:
        if self.sources is None:
            return {}
        try:
            return dict(json.loads((self.directory / STAMP).read_text("utf-8"))["outputs"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _outputs(self) -> dict[str, str]:
        """Return the content of every file of the assembly, by path."""
        found = {}
        for path in walk_all(self.directory):
            name = Path(path).relative_to(self.directory).as_posix()
            top = name.partition("/")[0]
            is_top = top == name or top == ".cache"
            if name not in (STAMP, LOCK) and not (is_top and CLI_FILES.fullmatch(top)):
                found[name] = entry_content(Path(path))
        return found


def _by_asset(outputs: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the files of each asset, by its name in the assembly."""
    assets: dict[str, dict[str, str]] = {}
    for path, content in outputs.items():
        name = path.partition("/")[0]
        if name.startswith(ASSET_PREFIX):
            assets.setdefault(name, {})[path] = content
    return assets


def _found(workspace: Path, pattern: str | None) -> FileSet | None:
    """Return the files of configurations; None where loading reports what is wrong."""
    try:
        return None if pattern is None else find_files(workspace, pattern)
    except (OSError, SmpError):
        return None


def _own_files(workspace: Path) -> list[Path]:
    return [path for path in sorted(workspace.iterdir()) if path.suffix in OWN_SUFFIXES]


def _values(environ: Mapping[str, str], context: Mapping[str, Any]) -> Iterator[str]:
    """Yield what counts and is in no file: what runs the app, its context, its variables."""
    yield from installation_lines()
    for path in (environ.get("JSII_NODE"), shutil.which("node", path=environ.get("PATH"))):
        yield f"{path} {signature(path)[0] if path else ''}"
    yield json.dumps(
        {key: value for key, value in context.items() if key not in UNCOUNTED_CONTEXT},
        sort_keys=True,
    )
    counted = {name for name in environ if COUNTED_VARIABLES.fullmatch(name)} - UNCOUNTED_VARIABLES
    yield from (f"{name}={environ[name]!r}" for name in sorted(counted))


def _read_by_node() -> Iterator[str]:
    """Yield the files of Python packages that the CDK's Node process reads: the kernel and libraries."""
    for name, module in list(sys.modules.items()):
        if name == "jsii" or name.endswith("._jsii"):
            for place in module.__path__:
                yield from walk_all(Path(place))


def _package_cache(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a hash of each library that is unpacked for Node: of its files' times and inodes."""
    root = Path(environ.get(PACKAGE_CACHE, ""))
    if not environ.get(PACKAGE_CACHE) or not root.is_dir():
        return {}
    return {library.name: _library_digest(library) for library in sorted(root.iterdir())}


def _library_digest(library: Path) -> str:
    """Hash the times and inodes of a library's files.

    There are thousands of them, and each call counts: most of an unchanged app's time goes to them.
    """
    lines, directories = [], [str(library)]
    while directories:
        with os.scandir(directories.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    directories.append(entry.path)
                elif not entry.name.startswith(PACKAGE_BOOKKEEPING) and not entry.name.endswith(
                    NOT_READ_BY_NODE
                ):
                    lines.append(f"{entry.path} {_entry_signature(entry)}")
    lines.sort()
    return hashlib.sha256("\0".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _entry_signature(entry: os.DirEntry[str]) -> str:
    try:
        found = entry.stat()
    except OSError:
        return "nowhere"
    times = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
    return f"{found.st_mode} {times} {found.st_dev} {found.st_ino}"


def _passed_validation(directory: Path) -> bool:
    """Whether no policy check found anything: what it found is to be shown every time."""
    try:
        report = json.loads((directory / "validation-report.json").read_text("utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return all(plugin["conclusion"] == "success" for plugin in report["pluginReports"])
