"""Files in a model's repository that would run if anything looked for code or settings there.

Each writes its name into one canary file: that file never exists.
"""

from __future__ import annotations

from pathlib import Path

PYTHON_FILES = (
    "sitecustomize.py",
    "usercustomize.py",
    "conftest.py",
    "setup.py",
    "noxfile.py",
    "app.py",
    "yaml.py",
    "boto3.py",
    "smp/__init__.py",
    "aws_cdk/__init__.py",
    "pydantic/__init__.py",
    "tests/conftest.py",
    "test_model.py",
)
PLACES = (".", "conf", "scripts")


def set_traps(model: Path, canary: Path) -> None:
    """Lay every trap at the top of a model's directory, beside its config and beside its scripts."""
    for place in PLACES:
        directory = model / place
        for name, text in _files(canary).items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    for script in (model / "scripts").glob("*.py"):
        script.write_text(f"{_python(canary, script.name)}\n{script.read_text('utf-8')}", "utf-8")
    hook = model / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\n{_shell(canary, 'hook')}\n", "utf-8")
    hook.chmod(0o755)


def _files(canary: Path) -> dict[str, str]:
    shell = _shell(canary, "settings")
    module = f"{_python(canary, 'module')}\n"
    settings = {
        ".gitattributes": "* filter=canary diff=canary\n",
        ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c {shell}\n',
        ".env": f"PYTHONSTARTUP=sitecustomize.py\nBASH_ENV=$({shell})\n",
        ".npmrc": "script-shell=./hooks/post-checkout\n",
        "GNUmakefile": f"$(shell {shell})\nall:\n\t{shell}\n",
        "Makefile": f"$(shell {shell})\nall setup build-assembly:\n\t{shell}\n",
        "buildspec.yml": f"version: 0.2\nphases:\n  build:\n    commands: ['{shell}']\n",
        "cdk.json": f'{{"app": "{shell}", "build": "{shell}"}}\n',
        "model.pth": f"import os; {_python(canary, 'pth')}\n",
        "package.json": f'{{"scripts": {{"install": "{shell}", "prepare": "{shell}"}}}}\n',
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p test_model'\n",
        "pytest.ini": "[pytest]\naddopts = -p test_model\n",
        "setup.cfg": "[tool:pytest]\naddopts = -p test_model\n",
    }
    return {**dict.fromkeys(PYTHON_FILES, module), **settings}


def _python(canary: Path, name: str) -> str:
    return f"open({str(canary)!r}, 'a').write('{name}\\n')"


def _shell(canary: Path, name: str) -> str:
    return f"echo {name} >> {canary}"
