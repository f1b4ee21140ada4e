"""Cuts the numbers that describe a house out of the raw sales: the input of the PCA.

Reads the training rows only, and never the price.
"""

import os
from pathlib import Path

import pandas as pd

# `{sourceName}` of conf.yaml's preprocess section.
RAW = Path("raw_train", "train.csv")
PRICE = "Sale_Price"


def select_numbers(sales: pd.DataFrame) -> pd.DataFrame:
    """The numeric columns without the price."""
    return sales.select_dtypes("number").drop(columns=PRICE)


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    numbers = select_numbers(pd.read_csv(root / "input" / RAW))
    output_dir = root / "output" / "train"
    output_dir.mkdir(parents=True, exist_ok=True)
    numbers.to_csv(output_dir / "x_train.csv", index=False, lineterminator="\n")
    print(f"rows={len(numbers)}; columns={numbers.shape[1]};", flush=True)


if __name__ == "__main__":
    main()
