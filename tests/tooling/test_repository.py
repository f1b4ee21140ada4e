"""What the repository promises about itself: tied to no machine and to no registry."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.environments import NAMES as ENVIRONMENTS

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    ".venv",
    ".cache",
    ".smp",
    "node_modules",
    "cdk.out",
    "build",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}
MAX_FILE_BYTES = 1024 * 1024
# In pieces, so that this file itself names none.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("pytorch", "org", "whl"),
        ("registry", "npm"),
        ("deb", "debian", "org"),
    )
)
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:root|home/[a-z]+|Users/[A-Za-z]+|work/\w+)/[\w.-]+")


def tracked_files() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and its checkout")
    listed = subprocess.run(
        [git, "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    paths = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content[:1024]:
            found.append((str(path.relative_to(ROOT)), content.decode("utf-8", "replace")))
    return found


LOCKS = {
    "requirements.lock": ("runtime", "dev"),
    **{f"requirements/{name}.lock": (name,) for name in ENVIRONMENTS},
}
"""Which files `requirements/NAME.in` each lock file is made of."""


def locked_packages(lock: str) -> list[str]:
    """The lock file's entries, each with its continuation lines."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return re.findall(r"^[A-Za-z0-9].*(?:\n .*)*", text, flags=re.MULTILINE)


def test_no_tracked_file_names_a_registry() -> None:
    named = [f"{name}: {host}" for name, text in texts() for host in REGISTRY_HOSTS if host in text]
    assert not named


def test_no_tracked_file_holds_an_absolute_path_of_a_machine() -> None:
    held = [
        f"{name}: {match[0]}" for name, text in texts() for match in MACHINE_PATH.finditer(text)
    ]
    assert not held


def test_no_tracked_file_is_large() -> None:
    large = [
        path.relative_to(ROOT) for path in tracked_files() if path.stat().st_size > MAX_FILE_BYTES
    ]
    assert not large


def test_nothing_generated_is_tracked() -> None:
    generated = [
        path.relative_to(ROOT)
        for path in tracked_files()
        if GENERATED & set(path.relative_to(ROOT).parts) or path.suffix == ".pyc"
    ]
    assert not generated


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_python_package_has_one_version_and_a_hash(lock: str) -> None:
    entries = locked_packages(lock)
    assert len(entries) > 20
    assert not [
        entry.splitlines()[0]
        for entry in entries
        if "==" not in entry.splitlines()[0] or "--hash=sha256:" not in entry
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_python_lock_has_no_address_and_no_option(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_required_python_package_is_locked(lock: str) -> None:
    locked = {re.split(r"[\[=]", entry)[0] for entry in locked_packages(lock)}
    required = {
        re.split(r"[\[=<>~! ]", line)[0].lower().replace("_", "-")
        for name in LOCKS[lock]
        for line in (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
        if line[:1].isalpha()
    }
    assert required <= locked


def test_every_list_of_requirements_has_a_lock_file() -> None:
    named = {name for names in LOCKS.values() for name in names}
    assert named == {path.stem for path in (ROOT / "requirements").glob("*.in")}


def test_the_node_lock_has_hashes_and_no_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    installed = {name: entry for name, entry in lock["packages"].items() if name}
    assert installed
    assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
    assert not [name for name, entry in installed.items() if "resolved" in entry]


def test_the_cdk_command_line_interface_is_pinned_to_one_version() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    pinned = package["devDependencies"]["aws-cdk"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == pinned


def test_ci_runs_make_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    commands = [
        line
        for line in script.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["exec make test"]
    assert script.stat().st_mode & 0o111
