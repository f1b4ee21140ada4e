"""Fits the principal components of the houses' numbers and saves them with their serving code.

Never sees a price: the components describe houses, not what they cost.
"""

import argparse
import os
import shutil
from pathlib import Path

import joblib
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

# The channel is named `{source step}_{channel}`, with `_` for each `-`.
CHANNEL = "SM_CHANNEL_HOUSING_PCA_PREPROCESS_TRAIN"


def fit_components(numbers: pd.DataFrame, component_count: int) -> Pipeline:
    """Standardises the columns and finds the directions in which houses differ most."""
    pipeline = make_pipeline(StandardScaler(), PCA(component_count, svd_solver="full"))
    return pipeline.fit(numbers)


def save_model(pipeline: Pipeline, model_dir: Path) -> None:
    """Writes the fitted pipeline and (conf: ``ModelRepack: "False"``) its own serving code."""
    code_dir = model_dir / "code"
    code_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(pipeline, model_dir / "pca.joblib")
    shutil.copy(Path(__file__).with_name("inference.py"), code_dir)


def main() -> None:
    """Runs one training job in the directories that SageMaker's variables name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n_components", type=int, default=16)
    component_count = parser.parse_args().n_components
    numbers = pd.read_csv(Path(os.environ[CHANNEL], "x_train.csv"))
    pipeline = fit_components(numbers, component_count)
    explained = float(pipeline[-1].explained_variance_ratio_.sum())
    print(f"explained_variance={explained:.5f};", flush=True)
    save_model(pipeline, Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")))


if __name__ == "__main__":
    main()
