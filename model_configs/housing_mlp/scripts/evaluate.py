"""Compares predicted with paid prices and writes SageMaker's model quality statistics.

Loads no model: it sees only what the transform step wrote and what preprocessing held back.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

# `{source step}-{channel}` of conf.yaml's evaluate section.
PREDICTIONS = Path("housing-mlp-transform-train", "x_test.csv.out")
GROUND_TRUTH = Path("housing-mlp-preprocess-train", "test", "y_test.csv")
RESAMPLES = 200

Prices = npt.NDArray[np.float64]


def compute_r2(truth: Prices, predicted: Prices) -> float:
    """The share of the variance that the predictions explain; 0 for always saying the mean."""
    return float(1 - np.sum((truth - predicted) ** 2) / np.sum((truth - truth.mean()) ** 2))


METRICS: dict[str, Callable[[Prices, Prices], float]] = {
    "mae": lambda truth, predicted: float(np.mean(np.abs(truth - predicted))),
    "mse": lambda truth, predicted: float(np.mean((truth - predicted) ** 2)),
    "rmse": lambda truth, predicted: float(np.sqrt(np.mean((truth - predicted) ** 2))),
    "r2": compute_r2,
}


def load_predictions(input_dir: Path) -> tuple[Prices, Prices]:
    """Paid and predicted prices, row by row. Raises ValueError when their lengths differ."""
    truth = np.loadtxt(input_dir / GROUND_TRUTH, skiprows=1, ndmin=1)
    predicted = np.loadtxt(input_dir / PREDICTIONS, ndmin=1)
    if len(truth) != len(predicted):
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} rows of ground truth")
    return truth, predicted


def compute_statistics(truth: Prices, predicted: Prices) -> dict[str, object]:
    """The ``regression_metrics`` of SageMaker's statistics; deviations over resampled test sets."""
    draw = np.random.default_rng(0)
    rows = [draw.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES)]
    return {
        "regression_metrics": {
            name: {
                "value": metric(truth, predicted),
                "standard_deviation": float(
                    np.std([metric(truth[row], predicted[row]) for row in rows])
                ),
            }
            for name, metric in METRICS.items()
        }
    }


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
