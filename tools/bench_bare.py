"""Runs the scripts of a bundled example by hand: what the local run is measured against.

The same scripts, data, hyperparameters and interpreters, in the directories that a container has, one
after the other. A separate command like `smp run`: `python -m tools.bench_bare REQUEST`; REQUEST
is a file of JSON: `pipeline`, `bucket`, `place` (a directory to make) and `models`, by directory name
`directory`, `python`, `hyperparameters` and `environment` (that of preprocessing). It prints as JSON
`output`, the directory that the last script wrote to, and `seconds` by the step that each script is.
Uses nothing of smp, and neither sandbox nor registry; imports little, for its start is measured too.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVING = Path(__file__).with_name("bench_serving.py")
CSV = {"Content-Type": "text/csv", "Accept": "text/csv"}
RECORDS = {"Content-Type": "application/x-recordio-protobuf", "Accept": "application/jsonlines"}


class ScriptError(Exception):
    """A script ended with an error; the message is what it printed."""


class ByHand:
    """One model's scripts and the Python that runs them, in separate directories."""

    def __init__(self, request: Mapping[str, Any], model: str, seconds: dict[str, float]) -> None:
        settings = request["models"][model]
        self.model = Path(settings["directory"])
        self.environment: Mapping[str, str] = settings["environment"]
        self._hyperparameters: Mapping[str, str] = settings["hyperparameters"]
        self._python = settings["python"]
        self._place = Path(request["place"]) / model
        self._seconds = seconds

    def process(
        self,
        step: str,
        script: str,
        inputs: Mapping[str, Path],
        environment: Mapping[str, str] | None = None,
    ) -> Path:
        """Copy the inputs, run a processing script, and return the directory of its outputs."""
        with self._timed(step):
            root = self._place / script / "processing"
            for name, source in inputs.items():
                copy(source, root / "input" / name)
            (root / "output").mkdir(parents=True)
            self._run(script, (), {"PROCESSING_DIR": str(root), **(environment or {})})
        return root / "output"

    def train(self, step: str, channels: Mapping[str, Path], script: str = "train") -> Path:
        """Copy the channels, run a script with the hyperparameters, and pack the model."""
        with self._timed(step):
            root = self._place / "train"
            model = root / "model"
            model.mkdir(parents=True)
            environment = {"SM_MODEL_DIR": str(model)}
            for name, source in channels.items():
                copy(source, root / "input" / "data" / name)
                environment[f"SM_CHANNEL_{name.upper()}"] = str(root / "input" / "data" / name)
            given = self._hyperparameters.items()
            options = tuple(text for key, value in given for text in (f"--{key}", value))
            self._run(script, options, environment)
            with tarfile.open(root / "model.tar.gz", "w:gz") as archive:
                archive.add(model, arcname=".")
        return root / "model.tar.gz"

    def transform(
        self,
        step: str,
        artifact: Path,
        data: Path,
        code: Path | None = None,
        script: str = "inference",
        headers: Mapping[str, str] = CSV,
    ) -> Path:
        """Unpack a model, serve it over HTTP, send a file, and return the directory of the answer."""
        with self._timed(step):
            root = self._place / "transform"
            with tarfile.open(artifact) as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4
                archive.extractall(root / "model")
            copy(data, root / "input")
            served = code or root / "model" / "code"
            command = [self._python, str(SERVING), str(served), str(root / "model"), script]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                answer = invoke(port, (root / "input" / data.name).read_bytes(), headers)
                server.terminate()
            (root / "output").mkdir()
            (root / "output" / f"{data.name}.out").write_bytes(answer)
        return root / "output"

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._seconds[step] = time.perf_counter() - began

    def _run(self, module: str, options: tuple[str, ...], given: Mapping[str, str]) -> None:
        code = self._place / module / "code"
        shutil.copytree(self.model / "scripts", code, ignore=shutil.ignore_patterns("__pycache__"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "AWS_"))}
        done = subprocess.run(
            [self._python, "-m", module, *options],
            cwd=code,
            env={**kept, "PYTHONUNBUFFERED": "1", **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise ScriptError(f"{module} of {self.model.name} failed:\n{done.stdout}")


def invoke(port: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Send a request to a server of this machine and return its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/invocations", body, dict(headers))
    answer: bytes = connection.getresponse().read()
    connection.close()
    return answer


def copy(source: Path, directory: Path) -> None:
    """Copy a file into a directory, or all that a directory holds."""
    if source.is_dir():
        shutil.copytree(source, directory)
    else:
        directory.mkdir(parents=True)
        shutil.copy(source, directory)


Hand = Callable[[str], ByHand]


def churn(hand_of: Hand, bucket: Path) -> Path:
    """Train, serve, evaluate; returns the directory of the evaluation report."""
    hand, data = hand_of("churn_lightgbm"), bucket / "churn"
    channels = {name: data / name for name in ("train", "validation")}
    artifact = hand.train("churn-training", channels)
    answers = hand.transform("churn-transform", artifact, data / "test" / "x_test.csv")
    truth = data / "test" / "y_test.csv"
    inputs = {"churn-transform-test": answers, "ground_truth": truth}
    return hand.process("churn-metrics", "evaluate", inputs)


def housing(hand_of: Hand, bucket: Path) -> Path:
    """Find the components, train on them, serve, evaluate; returns the evaluation report's directory."""
    pca, mlp = hand_of("housing_pca"), hand_of("housing_mlp")
    raw = bucket / "housing" / "raw"
    raw_train = {"raw_train": raw / "train.csv"}
    numbers = pca.process("housing-pca-preprocess", "preprocess", raw_train) / "train"
    components = pca.train("housing-pca-training", {"housing_pca_preprocess_train": numbers})
    inputs = {"raw_data": raw, "housing-pca-training-input-train": components}
    parts = mlp.process("housing-mlp-preprocess", "preprocess", inputs) / "train"
    artifact = mlp.train("housing-mlp-training", {"housing_mlp_preprocess_train": parts})
    test = parts / "test" / "x_test.csv"
    answers = mlp.transform("housing-mlp-transform", artifact, test, mlp.model / "scripts")
    return mlp.process(
        "housing-mlp-metrics",
        "evaluate",
        {"housing-mlp-preprocess-train": parts, "housing-mlp-transform-train": answers},
    )


def summarization(hand_of: Hand, bucket: Path) -> Path:
    """Tokenize and fine-tune; returns the model's archive."""
    hand = hand_of("summarization_llm")
    raw = {"raw_dialogues": bucket / "summarization" / "raw"}
    parts = hand.process("summarization-preprocess", "preprocess", raw, hand.environment)
    channels = {
        f"summarization_preprocess_{part}": parts / part for part in ("train", "test", "base_model")
    }
    return hand.train("summarization-tuning", channels)


def recommender(hand_of: Hand, bucket: Path) -> Path:
    """Prepare, train, serve, evaluate; returns the directory of the evaluation report."""
    hand = hand_of("video_recommender")
    export = {"export": bucket / "video-recommender" / "ratings"}
    parts = hand.process("recommender-prepare", "prepare", export, hand.environment)
    channels = {part: parts / part for part in ("train", "test")}
    artifact = hand.train("recommender-training", channels, "local_train")
    held_out = parts / "held_out" / "test.recordio"
    served = hand.model / "scripts"
    answers = hand.transform(
        "recommender-transform", artifact, held_out, served, "local_serve", RECORDS
    )
    inputs = {
        "recommender-prepare-ratings": parts / "ratings",
        "recommender-transform-ratings": answers,
    }
    return hand.process("recommender-metrics", "evaluate", inputs)


EXAMPLES: Mapping[str, tuple[Callable[[Hand, Path], Path], tuple[str, ...]]] = {
    "churn-lightgbm": (churn, ("churn_lightgbm",)),
    "housing": (housing, ("housing_pca", "housing_mlp")),
    "summarization-llm": (summarization, ("summarization_llm",)),
    "video-recommender": (recommender, ("video_recommender",)),
}
"""By pipeline: what runs it by hand, and the directories of its models."""


def main() -> int:
    """Run the example that the request names."""
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    seconds: dict[str, float] = {}
    example, _ = EXAMPLES[request["pipeline"]]
    try:
        output = example(lambda model: ByHand(request, model, seconds), Path(request["bucket"]))
    except ScriptError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"output": str(output), "seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
