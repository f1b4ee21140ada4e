"""Turns raw house sales into what the network reads: PCA components, one-hot columns, prices.

Learns nothing from the test rows: means, scales and categories come from the training rows alone.
"""

import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

# `{sourceName}`, and `{source step}-input-{channel of the source}`, of conf.yaml.
RAW = Path("raw_data")
PCA_ARTEFACT = Path("housing-pca-training-input-train", "model.tar.gz")
PRICE = "Sale_Price"
CATEGORIES = (
    "Neighborhood",
    "MS_SubClass",
    "Bldg_Type",
    "House_Style",
    "Overall_Cond",
    "Exter_Cond",
    "Foundation",
    "Bsmt_Exposure",
    "BsmtFin_Type_1",
    "Heating_QC",
    "Central_Air",
    "Functional",
    "Garage_Finish",
    "Sale_Condition",
)
VALIDATION_FRACTION = 0.15
SEED = 5


@dataclass(frozen=True)
class FeatureSpace:
    """The columns of the network's input, as the training rows define them."""

    pca: Pipeline
    scales: pd.Series
    one_hot_columns: pd.Index


def load_pca(artefact: Path) -> Pipeline:
    """The fitted pipeline inside the PCA model's artefact. Raises KeyError when it holds none."""
    with tarfile.open(artefact) as archive:
        names = {Path(member.name).name: member for member in archive if member.isfile()}
        content = archive.extractfile(names["pca.joblib"])
        assert content is not None, "a regular file always has content"
        return joblib.load(io.BytesIO(content.read()))


def compute_components(sales: pd.DataFrame, pca: Pipeline) -> pd.DataFrame:
    """The components of each house, in columns ``pc_00``, ``pc_01``, …"""
    values = pca.transform(sales[list(pca.feature_names_in_)])
    names = [f"pc_{index:02d}" for index in range(values.shape[1])]
    return pd.DataFrame(values, columns=names, index=sales.index)


def encode_categories(sales: pd.DataFrame) -> pd.DataFrame:
    """One column of 0 and 1 for each value of each category that occurs in ``sales``."""
    return pd.get_dummies(sales[list(CATEGORIES)].astype(str), dtype=float)


def fit_features(sales: pd.DataFrame, pca: Pipeline) -> FeatureSpace:
    """Settles scales and columns on the training rows."""
    scales = compute_components(sales, pca).std()
    return FeatureSpace(pca, scales, encode_categories(sales).columns)


def apply_features(sales: pd.DataFrame, space: FeatureSpace) -> pd.DataFrame:
    """The network's input; a category value that training never saw is a row of zeros."""
    components = compute_components(sales, space.pca) / space.scales
    one_hot = encode_categories(sales).reindex(columns=space.one_hot_columns, fill_value=0.0)
    return pd.concat([components, one_hot], axis="columns")


def write_part(
    directory: Path, features: pd.DataFrame, prices: pd.Series, *, header: bool = True
) -> None:
    """Writes ``x_{name}.csv`` and ``y_{name}.csv`` into the directory called ``name``."""
    directory.mkdir(parents=True, exist_ok=True)
    features.to_csv(
        directory / f"x_{directory.name}.csv",
        index=False,
        header=header,
        float_format="%.6f",
        lineterminator="\n",
    )
    prices.to_csv(directory / f"y_{directory.name}.csv", index=False, lineterminator="\n")


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    known = pd.read_csv(root / "input" / RAW / "train.csv")
    test = pd.read_csv(root / "input" / RAW / "test.csv")
    in_validation = np.random.default_rng(SEED).random(len(known)) < VALIDATION_FRACTION
    train, validation = known[~in_validation], known[in_validation]

    space = fit_features(train, load_pca(root / "input" / PCA_ARTEFACT))
    output_dir = root / "output" / "train"
    write_part(output_dir / "train", apply_features(train, space), train[PRICE])
    write_part(output_dir / "validation", apply_features(validation, space), validation[PRICE])
    # Batch transform sends lines as they are, so its input has no header.
    write_part(output_dir / "test", apply_features(test, space), test[PRICE], header=False)
    print(f"train={len(train)}; validation={len(validation)}; test={len(test)};", flush=True)


if __name__ == "__main__":
    main()
