"""Tells whether predictions look like predictions, before anybody acts on them.

Knows no truth: who leaves is known in months. It tells nonsense, such as a probability above 1 or a
share of customers at risk that no month ever had.
"""

import json
import os
from pathlib import Path

import pandas as pd

# `{transform step}-{channel}` of conf.yaml, and what batch transform calls its output.
PREDICTIONS = Path("batch-predict-customers", "customers.csv.out")
THRESHOLD = 0.5


def compute_report(predictions: pd.DataFrame) -> dict[str, object]:
    """Counts, and the spread of the probabilities that are some."""
    scores = pd.to_numeric(predictions["probability"], errors="coerce")
    valid = scores.between(0, 1) & ~predictions["customer_id"].duplicated()
    at_risk = int((scores[valid] >= THRESHOLD).sum())
    return {
        "customers": len(predictions),
        "invalid": int((~valid).sum()),
        "at_risk": {"count": at_risk, "share": round(at_risk / max(1, int(valid.sum())), 6)},
        "probability": {
            "mean": round(float(scores[valid].mean()), 6),
            "standard_deviation": round(float(scores[valid].std()), 6),
        },
    }


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    names = ["customer_id", "probability"]
    report = compute_report(pd.read_csv(root / "input" / PREDICTIONS, header=None, names=names))
    output_dir = root / "output"
    output_dir.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2)
    (output_dir / "model_evaluation_metrics.json").write_text(text, encoding="utf-8")
    print(text, flush=True)


if __name__ == "__main__":
    main()
