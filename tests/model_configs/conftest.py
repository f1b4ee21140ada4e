"""Runs the example models' scripts as jobs do, in directories laid out like those of /opt/ml."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

RunScript = Callable[..., subprocess.CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]
ScrapeMetrics = Callable[[Path, str], dict[str, list[float]]]


@pytest.fixture(scope="session")
def run_script(tmp_path_factory: pytest.TempPathFactory) -> RunScript:
    """Runs a script as a module in a copy of its directory; warnings are errors."""

    def run(
        script: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        allowed_warnings: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        code_dir = tmp_path_factory.mktemp("code", numbered=True)
        shutil.copytree(script.parent, code_dir, dirs_exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SM_"))}
        warnings = ["-Werror", *(f"-Wignore:{allowed}" for allowed in allowed_warnings)]
        done = subprocess.run(
            [sys.executable, *warnings, "-m", script.stem, *arguments],
            cwd=code_dir,
            env={**kept, "TF_CPP_MIN_LOG_LEVEL": "2", "HF_HUB_OFFLINE": "1", **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{script.name} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    return run


@pytest.fixture(scope="session")
def scrape_metrics() -> ScrapeMetrics:
    """Reads the metrics of a model's conf out of a training log, as the service does."""

    def scrape(model: Path, log: str) -> dict[str, list[float]]:
        conf = yaml.safe_load((model / "conf" / "conf.yaml").read_text("utf-8"))["conf"]
        (section,) = conf["models"].values()
        return {
            metric["Name"]: [float(value) for value in re.findall(metric["Regex"], log)]
            for metric in section["train"]["metric_definitions"]
        }

    return scrape


@pytest.fixture(scope="session")
def load_module() -> LoadModule:
    """Imports one file under a name of its own: each model has an ``inference.py``."""

    def load(path: Path) -> ModuleType:
        name = "_".join(path.with_suffix("").parts[-3:])
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their own module up
        spec.loader.exec_module(module)
        return module

    return load
