"""Trains a classifier on a table of numbers: the channel `train` in, a model and its code out.

Put your own model in `build_model`; everything else can stay as long as the data is one table.
"""

import argparse
import os
import shutil
from pathlib import Path

import joblib
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

LABEL = "label"


def parse_arguments() -> argparse.Namespace:
    """The hyperparameters of conf.yaml, which SageMaker passes as `--key value`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--c", type=float, default=1.0, help="inverse strength of regularization")
    return parser.parse_args()


def load_channel(directory: Path) -> pd.DataFrame:
    """All CSV files of a channel as one table."""
    files = sorted(directory.glob("*.csv"))
    if not files:
        raise FileNotFoundError(f"no .csv file in the channel directory {directory}")
    return pd.concat([pd.read_csv(file) for file in files], ignore_index=True)


def build_model(c: float) -> Pipeline:
    """Missing numbers become the median; all are brought to one scale."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=c, max_iter=1000)
    )


def save_model(model: Pipeline, model_dir: Path) -> None:
    """Write what becomes model.tar.gz: the model, and in code/ the script that serves it."""
    code_dir = model_dir / "code"
    code_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, model_dir / "model.joblib")
    shutil.copy(Path(__file__).with_name("inference.py"), code_dir)


def main() -> None:
    """Run one training job in the directories that SageMaker's variables name."""
    options = parse_arguments()
    table = load_channel(Path(os.environ["SM_CHANNEL_TRAIN"]))
    features, labels = table.drop(columns=LABEL).to_numpy(), table[LABEL].to_numpy()
    model = build_model(options.c).fit(features, labels)
    print(f"train_accuracy={model.score(features, labels):.4f};", flush=True)
    save_model(model, Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))


if __name__ == "__main__":
    main()
