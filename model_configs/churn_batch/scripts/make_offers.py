"""Chooses the customers who get an offer: those most likely to leave, so many as there are offers.

Never scores: it sees ids and probabilities only.
"""

import os
from pathlib import Path

import pandas as pd

# `{transform step}-input-{channel}` of conf.yaml, and what batch transform calls its output.
PREDICTIONS = Path("batch-predict-input-customers", "customers.csv.out")
THRESHOLD = 0.5


def choose_customers(predictions: pd.DataFrame, offers: int) -> pd.DataFrame:
    """The customers at risk, the surest first; equal ones in the order of their ids."""
    at_risk = predictions[predictions["probability"] >= THRESHOLD]
    ordered = at_risk.sort_values(["probability", "customer_id"], ascending=[False, True])
    return ordered.head(offers)


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    names = ["customer_id", "probability"]
    predictions = pd.read_csv(root / "input" / PREDICTIONS, header=None, names=names)
    chosen = choose_customers(predictions, int(os.environ["OFFERS"]))
    output_dir = root / "output" / "offers"
    output_dir.mkdir(parents=True, exist_ok=True)
    chosen.to_csv(output_dir / "offers.csv", index=False, lineterminator="\n")
    print(f"offers={len(chosen)}; customers={len(predictions)};", flush=True)


if __name__ == "__main__":
    main()
