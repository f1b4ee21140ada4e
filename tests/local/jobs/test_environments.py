"""The Python environment of a model's scripts: built once for each content of its requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from smp.errors import SetupError
from smp.local.jobs.environments import Environments


def wheel(directory: Path, version: str) -> Path:
    """Write a package of one module, which pip installs without a network."""
    info = f"probe-{version}.dist-info"
    content = {
        "probe.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: probe\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    file = directory / f"probe-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in (*content, f"{info}/RECORD"))
        archive.writestr(f"{info}/RECORD", record)
    return file


def installed(bin_directory: Path) -> str:
    """Return the version that an environment's Python finds."""
    command = [str(bin_directory / "python3"), "-c", "import probe; print(probe.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_an_environment_is_built_once_for_each_content_of_the_requirements(tmp_path: Path) -> None:
    said: list[str] = []
    environments = Environments(tmp_path / "envs", said.append)
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text(f"{wheel(tmp_path, '1.0')}\n")

    assert not environments.has(requirements)
    first = environments.bin_of(requirements)
    assert installed(first) == "1.0"
    assert said == [f"installing {requirements} once; later runs use it again"]

    another = tmp_path / "another-model.txt"
    another.write_text(requirements.read_text())
    later = Environments(tmp_path / "envs", said.append)
    assert later.bin_of(requirements) == later.bin_of(another) == first
    assert len(said) == 1, "nothing was built again"

    requirements.write_text(f"{wheel(tmp_path, '2.0')}\n")
    assert not later.has(requirements)
    second = later.bin_of(requirements)
    assert (installed(first), installed(second)) == ("1.0", "2.0")
    assert len(said) == 2


@pytest.mark.slow
def test_fails_with_what_pip_said_and_counts_as_not_built(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "envs", lambda _: None)
    requirements = tmp_path / "requirements-local.txt"
    missing = tmp_path / "probe-3.0-py3-none-any.whl"
    requirements.write_text(f"{missing}\n")

    with pytest.raises(SetupError) as caught:
        environments.bin_of(requirements)
    assert f"the packages of {requirements} cannot be installed" in str(caught.value)
    assert missing.name in str(caught.value)
    assert not environments.has(requirements)


def test_scripts_without_requirements_run_in_the_python_of_smp(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "envs", lambda _: None)
    for requirements in (None, tmp_path / "requirements-local.txt"):
        python = environments.bin_of(requirements) / "python3"
        assert python.resolve() == Path(sys.executable).resolve()
    assert not (tmp_path / "envs").exists()


def test_another_python_has_environments_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = Environments(tmp_path / "envs", lambda _: None)
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text("probe==1.0\n")
    text = f"{sys.version}\nprobe==1.0\n"
    directory = tmp_path / "envs" / hashlib.sha256(text.encode()).hexdigest()[:16]
    directory.mkdir(parents=True)
    (directory / "complete").touch()
    assert environments.has(requirements)
    monkeypatch.setattr(sys, "version", "3.11.99")
    assert not environments.has(requirements)
