"""Compares the batch predictions with the truth and writes the report that the registry shows."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, roc_auc_score

# `{transform step}-{channel}` and `{sourceName}` of conf.yaml's evaluate section.
PREDICTIONS = Path("my-model-transform-test", "x_test.csv.out")
GROUND_TRUTH = Path("ground_truth", "y_test.csv")


def load_column(file: Path, *, header: bool) -> pd.Series:
    """The first column of a CSV file."""
    return pd.read_csv(file, header=0 if header else None).iloc[:, 0]


def main() -> None:
    """Run one evaluation below PROCESSING_DIR (SageMaker's own path when that is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    truth = load_column(root / "input" / GROUND_TRUTH, header=True)
    scores = load_column(root / "input" / PREDICTIONS, header=False)
    if len(truth) != len(scores):
        raise ValueError(f"{len(scores)} predictions for {len(truth)} rows of ground truth")
    predicted = np.asarray(scores >= 0.5, dtype=int)
    metrics = {"auc": roc_auc_score(truth, scores), "accuracy": accuracy_score(truth, predicted)}
    report = {
        "binary_classification_metrics": {
            name: {"value": float(value), "standard_deviation": "NaN"}
            for name, value in metrics.items()
        }
    }
    output = root / "output"
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    (output / "model_evaluation_metrics.json").write_text(text, encoding="utf-8")
    print(text, flush=True)


if __name__ == "__main__":
    main()
