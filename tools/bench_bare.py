"""Runs the scripts of the bundled examples by hand: what the local run is measured against.

The same scripts, data, hyperparameters and interpreters, in the directories that a container has, one
after the other. Uses nothing of smp, and neither sandbox nor registry.
"""

import os
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SERVING = Path(__file__).with_name("bench_serving.py")
CSV = {"Content-Type": "text/csv", "Accept": "text/csv"}
RECORDS = {"Content-Type": "application/x-recordio-protobuf", "Accept": "application/jsonlines"}


@dataclass(frozen=True)
class ByHand:
    """One model's scripts and the Python that runs them; `place` is made anew for each run."""

    model: Path
    python: Path
    place: Path

    def process(
        self, script: str, inputs: Mapping[str, Path], environment: Mapping[str, str] | None = None
    ) -> Path:
        """Copy the inputs, run a processing script, and return the directory of its outputs."""
        root = self.place / script / "processing"
        for name, source in inputs.items():
            copy(source, root / "input" / name)
        (root / "output").mkdir(parents=True)
        self._run(script, (), {"PROCESSING_DIR": str(root), **(environment or {})})
        return root / "output"

    def train(self, channels: Mapping[str, Path], script: str = "train") -> Path:
        """Copy the channels, run a script with the hyperparameters of the conf, and pack the model."""
        root = self.place / "train"
        model = root / "model"
        model.mkdir(parents=True)
        environment = {"SM_MODEL_DIR": str(model)}
        for name, source in channels.items():
            copy(source, root / "input" / "data" / name)
            environment[f"SM_CHANNEL_{name.upper()}"] = str(root / "input" / "data" / name)
        given = self._section("train")["hyperparameters"]
        options = [text for key, value in given.items() for text in (f"--{key}", str(value))]
        self._run(script, options, environment)
        with tarfile.open(root / "model.tar.gz", "w:gz") as archive:
            archive.add(model, arcname=".")
        return root / "model.tar.gz"

    def transform(
        self,
        artefact: Path,
        data: Path,
        code: Path | None = None,
        script: str = "inference",
        headers: Mapping[str, str] = CSV,
    ) -> Path:
        """Unpack a model, serve it over HTTP, send a file, and return the directory of the answer."""
        root = self.place / "transform"
        with tarfile.open(artefact) as archive:
            archive.extractall(root / "model", filter="data")
        copy(data, root / "input")
        served = code or root / "model" / "code"
        command = [*map(str, (self.python, SERVING, served, root / "model")), script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            answer = self._invoke(port, (root / "input" / data.name).read_bytes(), headers)
            server.terminate()
        (root / "output").mkdir()
        (root / "output" / f"{data.name}.out").write_bytes(answer)
        return root / "output"

    def environment_of(self, section: str) -> dict[str, str]:
        """Return the variables that the conf gives a job."""
        return {key: str(value) for key, value in self._section(section).get("env", {}).items()}

    def _invoke(self, port: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        address = f"http://127.0.0.1:{port}/invocations"
        request = urllib.request.Request(address, body, dict(headers))
        with urllib.request.urlopen(request) as response:
            answer: bytes = response.read()
        return answer

    def _section(self, name: str) -> dict[str, Any]:
        text = (self.model / "conf" / "conf.yaml").read_text("utf-8")
        pipeline = yaml.safe_load(text)["conf"].get("sagemakerPipeline", {})
        for parameter in pipeline.get("parameters", []):
            text = text.replace(f"${{parameters.{parameter['name']}}}", str(parameter["default"]))
        (model,) = yaml.safe_load(text)["conf"]["models"].values()
        section: dict[str, Any] = model[name]
        return section

    def _run(self, module: str, options: list[str] | tuple[()], given: Mapping[str, str]) -> None:
        code = self.place / module / "code"
        shutil.copytree(self.model / "scripts", code, ignore=shutil.ignore_patterns("__pycache__"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "AWS_"))}
        done = subprocess.run(
            [self.python, "-m", module, *options],
            cwd=code,
            env={**kept, "PYTHONUNBUFFERED": "1", **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{module} of {self.model.name} failed:\n{done.stdout}")


def copy(source: Path, directory: Path) -> None:
    """Copy a file into a directory, or all that a directory holds."""
    if source.is_dir():
        shutil.copytree(source, directory)
    else:
        directory.mkdir(parents=True)
        shutil.copy(source, directory)


def churn(models: Path, bucket: Path, python: Callable[[str], Path], place: Path) -> Path:
    """Train, serve, evaluate; returns the directory of the evaluation report."""
    hand = ByHand(models / "churn_lightgbm", python("churn_lightgbm"), place)
    data = bucket / "churn"
    artefact = hand.train({name: data / name for name in ("train", "validation")})
    answers = hand.transform(artefact, data / "test" / "x_test.csv")
    truth = data / "test" / "y_test.csv"
    return hand.process("evaluate", {"churn-transform-test": answers, "ground_truth": truth})


def housing(models: Path, bucket: Path, python: Callable[[str], Path], place: Path) -> Path:
    """Find the components, train on them, serve, evaluate; returns the evaluation report's directory."""
    pca = ByHand(models / "housing_pca", python("housing_pca"), place / "pca")
    mlp = ByHand(models / "housing_mlp", python("housing_mlp"), place / "mlp")
    raw = bucket / "housing" / "raw"
    numbers = pca.process("preprocess", {"raw_train": raw / "train.csv"}) / "train"
    components = pca.train({"housing_pca_preprocess_train": numbers})
    inputs = {"raw_data": raw, "housing-pca-training-input-train": components}
    parts = mlp.process("preprocess", inputs) / "train"
    artefact = mlp.train({"housing_mlp_preprocess_train": parts})
    answers = mlp.transform(artefact, parts / "test" / "x_test.csv", mlp.model / "scripts")
    return mlp.process(
        "evaluate",
        {"housing-mlp-preprocess-train": parts, "housing-mlp-transform-train": answers},
    )


def summarization(models: Path, bucket: Path, python: Callable[[str], Path], place: Path) -> Path:
    """Tokenize and fine-tune; returns the model's archive."""
    name = "summarization_llm"
    hand = ByHand(models / name, python(name), place)
    parts = hand.process(
        "preprocess",
        {"raw_dialogues": bucket / "summarization" / "raw"},
        hand.environment_of("preprocess"),
    )
    return hand.train(
        {
            f"summarization_preprocess_{part}": parts / part
            for part in ("train", "test", "base_model")
        }
    )


def recommender(models: Path, bucket: Path, python: Callable[[str], Path], place: Path) -> Path:
    """Prepare, train, serve, evaluate; returns the directory of the evaluation report."""
    name = "video_recommender"
    hand = ByHand(models / name, python(name), place)
    export = {"export": bucket / "video-recommender" / "ratings"}
    parts = hand.process("prepare", export, hand.environment_of("preprocess"))
    artefact = hand.train({part: parts / part for part in ("train", "test")}, "local_train")
    held_out = parts / "held_out" / "test.recordio"
    answers = hand.transform(artefact, held_out, hand.model / "scripts", "local_serve", RECORDS)
    inputs = {
        "recommender-prepare-ratings": parts / "ratings",
        "recommender-transform-ratings": answers,
    }
    return hand.process("evaluate", inputs)


Script = Callable[[Path, Path, Callable[[str], Path], Path], Path]
EXAMPLES: Mapping[str, Script] = {
    "churn-lightgbm": churn,
    "housing": housing,
    "summarization-llm": summarization,
    "video-recommender": recommender,
}
"""By pipeline: runs it by hand, given the models, the bucket, the Python of each model and a place."""
