"""Compares predicted ratings with the held-out ones, and with what two averages would have predicted.

Loads no model: it sees only what the transform step wrote, and the ratings of the preparation. Writes
SageMaker's model quality statistics, with the averages and the gain over them beside.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

# `{transform step}-{channel}` and `{preparing step}-{channel}` of conf.yaml's evaluate section.
PREDICTIONS = Path("recommender-transform-ratings", "test.recordio.out")
RATINGS = Path("recommender-prepare-ratings")
RESAMPLES = 200

Ratings = npt.NDArray[np.float64]


def rmse(truth: Ratings, predicted: Ratings) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


METRICS: dict[str, Callable[[Ratings, Ratings], float]] = {
    "rmse": rmse,
    "mse": lambda truth, predicted: float(np.mean((truth - predicted) ** 2)),
    "mae": lambda truth, predicted: float(np.mean(np.abs(truth - predicted))),
    "r2": lambda truth, predicted: float(
        1 - np.sum((truth - predicted) ** 2) / np.sum((truth - truth.mean()) ** 2)
    ),
}


def load_predictions(path: Path) -> Ratings:
    """The score of each line of the transform's answer. Raises ValueError for one without a score."""
    lines = path.read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    wrong = [n for n, answer in enumerate(answers, 1) if "score" not in answer]
    if wrong:
        raise ValueError(f"line {wrong[0]} of {path.name} has no score: {lines[wrong[0] - 1][:80]}")
    return np.array([answer["score"] for answer in answers], dtype=np.float64)


def predict_averages(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Ratings]:
    """What the average of all training ratings, and of those of the same video, would have predicted.

    A video without a training rating gets the average of all.
    """
    average = train["rating"].mean()
    of_videos = train.groupby("video_id")["rating"].mean()
    return {
        "global_mean": np.full(len(test), average),
        "item_mean": test["video_id"].map(of_videos).fillna(average).to_numpy(dtype=np.float64),
    }


def with_deviation(
    metric: Callable[[Ratings, Ratings], float], truth: Ratings, predicted: Ratings
) -> dict[str, float]:
    """A metric, and its standard deviation over resampled test sets (fixed seed)."""
    draw = np.random.default_rng(0)
    rows = (draw.integers(len(truth), size=len(truth)) for _ in range(RESAMPLES))
    deviation = float(np.std([metric(truth[row], predicted[row]) for row in rows]))
    return {"value": metric(truth, predicted), "standard_deviation": deviation}


def compute_statistics(
    truth: Ratings, predicted: Ratings, averages: dict[str, Ratings]
) -> dict[str, object]:
    """The ``regression_metrics`` of SageMaker's model quality statistics, and how the averages compare.

    The gain is the share of the baseline's error that the model takes away: 0.1 is an RMSE lower by 10 %.
    Raises ValueError when predictions and ratings are not of the same number.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} held-out ratings")
    error = rmse(truth, predicted)
    return {
        "regression_metrics": {
            name: with_deviation(metric, truth, predicted) for name, metric in METRICS.items()
        },
        "comparison": {
            **{
                f"rmse_of_{name}": with_deviation(rmse, truth, average)
                for name, average in averages.items()
            },
            **{
                f"gain_over_{name}": {"value": 1 - error / rmse(truth, average)}
                for name, average in averages.items()
            },
        },
    }


def main() -> None:
    """Runs one evaluation job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    train, test = (
        pd.read_csv(root / "input" / RATINGS / f"{name}.csv") for name in ("train", "test")
    )
    report = compute_statistics(
        test["rating"].to_numpy(dtype=np.float64),
        load_predictions(root / "input" / PREDICTIONS),
        predict_averages(train, test),
    )
    output_dir = root / "output"
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    (output_dir / "model_evaluation_metrics.json").write_text(text, encoding="utf-8")
    print(text, flush=True)


if __name__ == "__main__":
    main()
