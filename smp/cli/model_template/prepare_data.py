"""Writes a small table to start with, laid out as conf.yaml expects it in the bucket.

Put your own data in `load_table`. It runs once, on a laptop or a notebook, never in the pipeline.
"""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

LABEL = "label"


def load_table() -> pd.DataFrame:
    """Numbers, and a column `label` of 0 and 1: in this example the breast cancer data of scikit-learn."""
    data = load_breast_cancer(as_frame=True)
    return data.data.assign(**{LABEL: data.target})


def main() -> None:
    """Command line: `prepare_data.py --output DIR`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    root = parser.parse_args().output / "my_model"
    table = load_table()
    train, test = train_test_split(table, test_size=0.25, random_state=1, stratify=table[LABEL])
    for name in ("train", "test"):
        (root / name).mkdir(parents=True, exist_ok=True)
    train.to_csv(root / "train" / "train.csv", index=False)
    # Batch transform sends lines as they are, so its input has neither header nor label.
    test.drop(columns=LABEL).to_csv(root / "test" / "x_test.csv", index=False, header=False)
    test[[LABEL]].to_csv(root / "test" / "y_test.csv", index=False)


if __name__ == "__main__":
    main()
