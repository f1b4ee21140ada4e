"""Compares the batch predictions with the truth and writes SageMaker's model quality statistics.

Loads no model: it sees only what the transform step wrote and what was held back.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

# `{transform step}-{channel}` and `{sourceName}` of conf.yaml's evaluate section.
PREDICTIONS = Path("churn-transform-test", "x_test.csv.out")
GROUND_TRUTH = Path("ground_truth", "y_test.csv")
THRESHOLD = 0.5
RESAMPLES = 100

Labels = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
METRICS: dict[str, Callable[[Labels, Scores], float]] = {
    "auc": lambda truth, scores: float(roc_auc_score(truth, scores)),
    "accuracy": lambda truth, scores: float(accuracy_score(truth, scores >= THRESHOLD)),
    "precision": lambda truth, scores: float(
        precision_score(truth, scores >= THRESHOLD, zero_division=0)
    ),
    "recall": lambda truth, scores: float(recall_score(truth, scores >= THRESHOLD)),
    "f1": lambda truth, scores: float(f1_score(truth, scores >= THRESHOLD)),
}


def load_predictions(input_dir: Path) -> tuple[Labels, Scores]:
    """Truth and scores, row by row. Raises ValueError when their lengths differ."""
    truth = pd.read_csv(input_dir / GROUND_TRUTH).iloc[:, 0].to_numpy(dtype=np.int64)
    scores = pd.read_csv(input_dir / PREDICTIONS, header=None).iloc[:, 0].to_numpy(dtype=np.float64)
    if len(truth) != len(scores):
        raise ValueError(f"{len(scores)} predictions for {len(truth)} rows of ground truth")
    return truth, scores


def bootstrap_deviations(truth: Labels, scores: Scores) -> dict[str, float]:
    """The standard deviation of each metric over resampled test sets (fixed seed)."""
    draw = np.random.default_rng(0)
    rows = [draw.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES)]
    return {
        name: float(np.std([metric(truth[row], scores[row]) for row in rows]))
        for name, metric in METRICS.items()
    }


def compute_statistics(truth: Labels, scores: Scores) -> dict[str, object]:
    """The ``binary_classification_metrics`` of SageMaker's model quality statistics."""
    deviations = bootstrap_deviations(truth, scores)
    predicted = scores >= THRESHOLD
    counts = {
        str(actual): {
            str(label): int(np.sum((truth == actual) & (predicted == bool(label))))
            for label in (0, 1)
        }
        for actual in (0, 1)
    }
    metrics: dict[str, object] = {
        name: {"value": metric(truth, scores), "standard_deviation": deviations[name]}
        for name, metric in METRICS.items()
    }
    return {"binary_classification_metrics": {"confusion_matrix": counts, **metrics}}


def main() -> None:
    """Runs one evaluation job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    report = compute_statistics(*load_predictions(root / "input"))
    output_dir = root / "output"
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    (output_dir / "model_evaluation_metrics.json").write_text(text, encoding="utf-8")
    print(text, flush=True)


if __name__ == "__main__":
    main()
