"""Which Python `.venv` is made with, and under which ones the tests run."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.interpreter_tests import ends, summary
from tools.interpreters import SUPPORTED, Interpreter, found_interpreters

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tools" / "interpreter"
COMMANDS = ("awk", "cat", "dirname", "grep", "head", "ls", "rm", "sed", "sh", "sort", "tail", "tr")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with the commands of a system, and no Python."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for command in COMMANDS:
        (directory / command).symlink_to(str(shutil.which(command)))
    return directory


def put(directory: Path, name: str, script: str) -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def put_python(directory: Path, name: str, version: str) -> Path:
    """Put a command that answers a probe as a suitable Python of this version would."""
    return put(directory, name, f'echo "{version.replace(".", " ")} $0"')


def run(*arguments: str | Path, path: Path | str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(path), "HOME": str(home)},
    )


def test_the_newest_on_path_is_chosen_whatever_its_name(machine: Path, tmp_path: Path) -> None:
    put_python(machine, "python3.11", "3.11.9")
    newest = put_python(machine, "python3", "3.12.4")
    put_python(machine, "python3.12", "3.12.3")

    assert run("choose", path=machine, home=tmp_path).stdout == f"{newest}\n"


def test_a_command_that_does_not_start_is_passed_over(machine: Path, tmp_path: Path) -> None:
    first = tmp_path / "shims"
    put(first, "python3.13", "echo 'no such version is active' >&2; exit 127")
    put(first, "python3", "exit 1")
    behind = put_python(machine, "python3.13", "3.13.1")

    assert run("choose", path=f"{first}:{machine}", home=tmp_path).stdout == f"{behind}\n"


def test_the_first_on_path_is_chosen_of_one_version(machine: Path, tmp_path: Path) -> None:
    first = put_python(tmp_path / "first", "python3", "3.13.1")
    put_python(machine, "python3.13", "3.13.1")

    found = run("choose", path=f"{first.parent}:{machine}", home=tmp_path)
    assert found.stdout == f"{first}\n"


@pytest.mark.parametrize("version", ["3.12", "3.12.999"])
def test_a_version_is_found_where_it_is_not_on_path(
    machine: Path, tmp_path: Path, version: str
) -> None:
    directory = tmp_path / ".pyenv" / "versions" / "3.12.999" / "bin"
    directory.mkdir(parents=True)
    wanted = put_python(directory, "python3.12", "3.12.999")
    put_python(machine, "python3.13", "3.13.1")

    assert run("choose", version, path=machine, home=tmp_path).stdout == f"{wanted}\n"


def test_fails_with_what_will_do_and_how_to_get_it(machine: Path, tmp_path: Path) -> None:
    put(machine, "python3", "echo 'is Python 3.9.2' >&2; exit 1")

    found = run("choose", path=machine, home=tmp_path)

    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == (
        "make: no suitable Python was found on PATH; CPython 3.11, 3.12, 3.13 or 3.14 will do\n"
        f"    {machine}/python3 is Python 3.9.2\n"
        "To install one:\n"
        "    Debian 12 and later: sudo apt install python3 python3-venv\n"
        "    Ubuntu 24.04 and later: sudo apt install python3 python3-venv\n"
        "    Ubuntu 22.04: sudo apt install python3.11 python3.11-venv\n"
        "    macOS: brew install python@3.13\n"
        "To name one that is not on PATH: make PYTHON=/path/to/python3\n"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("echo 'is Python 3.10.1' >&2; exit 1", "is Python 3.10.1"),
        ("exit 127", "was not found, or does not start"),
    ],
)
def test_fails_for_a_named_python_that_will_not_do(
    machine: Path, tmp_path: Path, answer: str, reason: str
) -> None:
    put(machine, "python3", answer)
    put_python(machine, "python3.13", "3.13.1")

    found = run("choose", "python3", path=machine, home=tmp_path)

    assert (found.returncode, found.stdout) == (1, "")
    assert f"make: PYTHON=python3 {reason}\n    allowed: CPython 3.11, 3.12, 3.13" in found.stderr


def probe(environment: dict[str, str], *statements: str) -> subprocess.CompletedProcess[str]:
    """Run the program's probe in this Python after some statements."""
    text = PROGRAM.read_text("utf-8")
    (probed,) = re.findall(r"^PROBE='\n(.*?)'$", text, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join((*statements, probed))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )


VERSION_OF = "import sys; sys.version_info = type('', (tuple,), {})"
WITHOUT = (
    "import importlib.util as util; found = util.find_spec; "
    "util.find_spec = lambda name: None if name in %r else found(name)"
)


@pytest.mark.parametrize(
    ("version", "suits"),
    [
        ((3, 10, 13), False),
        ((3, 11, 0), True),
        ((3, 14, 9), True),
        ((3, 15, 0), False),
        ((2, 7, 18), False),
    ],
)
def test_the_supported_versions_are_those_of_the_project(
    version: tuple[int, int, int], suits: bool
) -> None:
    found = probe({}, f"{VERSION_OF}({version!r})")
    assert (found.returncode == 0) is suits, found.stderr
    if not suits:
        assert found.stderr == f"is Python {'.'.join(map(str, version))}\n"


def test_fails_for_a_python_without_venv_with_the_command_that_helps() -> None:
    found = probe({}, WITHOUT % (("ensurepip", "pip"),))
    assert found.returncode == 1
    wanted = r"is Python [\d.]+, but has no ensurepip(: sudo apt install python3\.\d+-venv)?\n"
    assert re.fullmatch(wanted, found.stderr)
    assert ("sudo apt" in found.stderr) is Path("/etc/debian_version").exists()


def test_a_python_with_pip_alone_will_do() -> None:
    assert probe({}, WITHOUT % (("ensurepip",),)).returncode == 0


def test_the_versions_are_those_of_pyproject() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (oldest, after) = re.findall(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"', text, re.MULTILINE)[
        0
    ]
    assert [(3, minor) for minor in range(int(oldest), int(after))] == list(SUPPORTED)


def test_this_python_is_among_those_that_are_found() -> None:
    base = Path(sys.base_prefix).resolve()
    assert any(each.path.resolve().is_relative_to(base) for each in found_interpreters())


def make_venv(venv: Path, python: str = "") -> str:
    made = subprocess.run(
        [PROGRAM, "venv", venv, python], capture_output=True, text=True, check=True
    )
    return made.stdout


@pytest.mark.slow
def test_an_environment_is_kept_while_its_python_works(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    assert make_venv(venv, base).startswith("==> creating .venv with Python 3.")
    kept = venv / "kept"
    kept.touch()

    assert make_venv(venv) == ""
    assert make_venv(venv, base) == ""
    assert kept.exists()


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["the link", "the packages"])
def test_an_environment_whose_python_changed_is_made_anew(tmp_path: Path, broken: str) -> None:
    """As after an upgrade: the Python is gone, or its packages are those of another version."""
    venv = tmp_path / ".venv"
    base = str(Path(sys.base_prefix) / "bin" / "python3")
    make_venv(venv, base)
    if broken == "the link":
        for link in venv.glob("bin/python*"):
            link.unlink()
            link.symlink_to(tmp_path / "gone")
    else:
        (packages,) = venv.glob("lib/python3.*")
        packages.rename(packages.with_name("python3.10"))

    said = make_venv(venv, base)

    assert said.startswith("==> removing .venv, whose Python is gone or is not suitable any more")
    subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"], check=True)


@pytest.mark.slow
def test_an_environment_of_another_python_than_the_named_one_is_made_anew(tmp_path: Path) -> None:
    others = [each for each in found_interpreters() if each.minor != sys.version_info[:2]]
    if not others:
        pytest.skip("this machine has Pythons of one version alone")
    venv = tmp_path / ".venv"
    make_venv(venv, str(Path(sys.base_prefix) / "bin" / "python3"))

    assert "==> removing .venv, which is of another Python: " in make_venv(
        venv, str(others[0].path)
    )

    command = (venv / "bin" / "python", "-c", "import sys; print(*sys.version_info[:3])")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == str(others[0]).split(".")


def interpreter(*version: int) -> Interpreter:
    major, minor, micro = version
    return Interpreter((major, minor, micro), Path(f"/python{major}.{minor}.{micro}"))


def test_the_ends_are_the_newest_and_the_oldest_but_not_what_is_tested_anyway() -> None:
    oldest, middle, newest = (interpreter(3, 11, 2), interpreter(3, 11, 7), interpreter(3, 13, 0))
    found = (newest, middle, oldest)
    assert ends(found, middle.version) == [newest, oldest]
    assert ends(found, newest.version) == [oldest]
    assert ends((middle,), middle.version) == []


def test_the_summary_lists_what_failed_and_what_was_missing() -> None:
    old, new = interpreter(3, 11, 2), interpreter(3, 13, 0)
    assert summary((new, old), (new, old), (old,)) == [
        "Python 3.13.0: passed",
        "Python 3.11.2: failed",
        "not tested, since this machine has none: Python 3.12, 3.14",
    ]


LATER_KEYWORDS = {
    ("extractall", "filter"),
    ("extract", "filter"),
    ("unpack_archive", "filter"),
    ("getaddresses", "strict"),
    ("parseaddr", "strict"),
}
LATER_NAMES = {"data_filter", "tar_filter", "fully_trusted_filter", "SetReparseDeferralEnabled"}
"""What came with a later release of 3.11 than the first: vermin knows minor versions alone."""


def later_features(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            keywords = {(name, keyword.arg) for keyword in node.keywords}
            found += [f"{name}({keyword}=)" for name, keyword in keywords & LATER_KEYWORDS]
        if isinstance(node, ast.Attribute) and node.attr in LATER_NAMES:
            found.append(node.attr)
    return found


def test_nothing_needs_a_later_release_of_the_oldest_python() -> None:
    assert later_features(ast.parse("tar.extractall('x', filter='data'); tarfile.data_filter"))
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "*.py"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("needs git and its checkout")
    files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    found = {
        str(file.relative_to(ROOT)): features
        for file in files
        if file.is_file() and (features := later_features(ast.parse(file.read_bytes())))
    }
    assert found == {}


def test_the_makefile_names_no_version_of_python() -> None:
    named = re.findall(r"python3\.\d+", (ROOT / "Makefile").read_text("utf-8"))
    assert named == []
