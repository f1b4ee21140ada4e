"""Turns ratings into what SageMaker's factorization machines learn from: sparse one-hot rows as RecordIO.

Filters the long tail, gives users and videos their columns, splits, and writes. Never trains; the rows of
the test set have no label, and the truth about them goes to the evaluation alone.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from recordio import VALUES, Record, Tensor, write_records

# `{sourceName}` of conf.yaml's preprocess section.
EXPORT = "export"
KEY = ["user_id", "video_id"]
COLUMNS = [*KEY, "rating", "rated_at"]
SEED = 20_240_605
VALIDATION_FRACTION = 0.1
TEST_FRACTION = 0.1


@dataclass(frozen=True)
class Settings:
    """What the conf says of the data."""

    min_ratings_per_user: int
    min_ratings_per_video: int
    feature_dim: int

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads the variables of the job. Raises KeyError without one."""
        names = ("MIN_RATINGS_PER_USER", "MIN_RATINGS_PER_VIDEO", "FEATURE_DIM")
        return cls(*(int(os.environ[name]) for name in names))


@dataclass(frozen=True)
class Columns:
    """The columns of the one-hot matrix: first the users in the order of their ids, then the videos."""

    users: pd.Index
    videos: pd.Index

    @property
    def used(self) -> int:
        """How many columns there are."""
        return len(self.users) + len(self.videos)

    def keys_of(self, ratings: pd.DataFrame) -> np.ndarray:
        """The two columns of each rating, one row each: of its user, and of its video."""
        users = self.users.get_indexer(ratings["user_id"])
        videos = self.videos.get_indexer(ratings["video_id"]) + len(self.users)
        return np.stack([users, videos], axis=1)


def load_ratings(directory: Path) -> pd.DataFrame:
    """All CSV files of the export: of a video rated twice by one user, the last rating.

    Sorted by user and video, so that the order of files and rows does not count. Raises FileNotFoundError
    without a file and KeyError without a column.
    """
    files = sorted(directory.rglob("*.csv"))
    if not files:
        raise FileNotFoundError(f"no .csv file in {directory}")
    table = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)[COLUMNS]
    latest = table.sort_values([*KEY, "rated_at", "rating"]).drop_duplicates(KEY, keep="last")
    return latest.drop(columns="rated_at").reset_index(drop=True)


def filter_long_tail(ratings: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Keeps users and videos with enough ratings, and goes on until all that are left have enough.

    Raises ValueError when nothing is left.
    """
    least = {
        "video_id": settings.min_ratings_per_video,
        "user_id": settings.min_ratings_per_user,
    }
    before = -1
    while before != len(ratings):
        before = len(ratings)
        for column, count in least.items():
            ratings = ratings[ratings.groupby(column)[column].transform("size") >= count]
    if ratings.empty:
        raise ValueError(f"no user and video has enough ratings: {settings}")
    return ratings.reset_index(drop=True)


def find_columns(ratings: pd.DataFrame, settings: Settings) -> Columns:
    """Numbers users and videos. Raises ValueError when the matrix has no room for them."""
    columns = Columns(*(pd.Index(np.sort(ratings[name].unique()), name=name) for name in KEY))
    if columns.used > settings.feature_dim:
        raise ValueError(
            f"{len(columns.users):,} users and {len(columns.videos):,} videos need {columns.used:,} "
            f"columns, and feature_dim is {settings.feature_dim:,}: start the pipeline with the "
            f"parameter feature_dim of at least {columns.used}, or raise its default"
        )
    return columns


def split_ratings(ratings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Training, validation and test ratings by a fixed seed, in random order."""
    order = np.random.default_rng(SEED).permutation(len(ratings))
    test_end = round(len(ratings) * TEST_FRACTION)
    validation_end = test_end + round(len(ratings) * VALIDATION_FRACTION)
    rows = {
        "train": order[validation_end:],
        "validation": order[test_end:validation_end],
        "test": order[:test_end],
    }
    return {name: ratings.iloc[part].reset_index(drop=True) for name, part in rows.items()}


def one_hot_records(
    ratings: pd.DataFrame, columns: Columns, feature_dim: int, *, with_label: bool
) -> Iterator[Record]:
    """Each rating as a sparse row: a 1 for its user, a 1 for its video, and the rating as its label."""
    labels = ratings["rating"].tolist()
    for row, rating in zip(columns.keys_of(ratings).tolist(), labels, strict=True):
        features = Tensor((1.0, 1.0), keys=tuple(row), shape=(feature_dim,))
        yield Record({VALUES: features}, {VALUES: Tensor((rating,))} if with_label else {})


def write_channel(path: Path, records: Iterator[Record]) -> None:
    """Writes ``path`` and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        count = write_records(file, records)
    print(f"{path.parent.name}/{path.name}: records={count}; bytes={path.stat().st_size};")


def write_tables(directory: Path, parts: dict[str, pd.DataFrame], columns: Columns) -> None:
    """Writes the ratings of each part, and which column is whose: what a request has to name."""
    directory.mkdir(parents=True, exist_ok=True)
    begin = 0
    for name, index in (("users", columns.users), ("videos", columns.videos)):
        table = index.to_frame(index=False)
        table["column"] = np.arange(begin, begin + len(index))
        table.to_csv(directory / f"{name}.csv", index=False, lineterminator="\n")
        begin += len(index)
    for name, part in parts.items():
        part.to_csv(directory / f"{name}.csv", index=False, lineterminator="\n")


def main() -> None:
    """Runs one processing job below ``PROCESSING_DIR`` (SageMaker's path when it is not set)."""
    root = Path(os.environ.get("PROCESSING_DIR", "/opt/ml/processing"))
    settings = Settings.from_environment()
    ratings = load_ratings(root / "input" / EXPORT)
    kept = filter_long_tail(ratings, settings)
    columns = find_columns(kept, settings)
    print(
        f"ratings={len(ratings)}; kept={len(kept)}; users={len(columns.users)}; "
        f"videos={len(columns.videos)}; columns={columns.used} of {settings.feature_dim};"
    )
    parts = split_ratings(kept)
    output = root / "output"
    # The algorithm scores itself on a channel of the name `test`: that is the validation part.
    places = {
        "train": output / "train" / "train.recordio",
        "validation": output / "test" / "validation.recordio",
        "test": output / "held_out" / "test.recordio",
    }
    for name, path in places.items():
        has_label = name != "test"
        write_channel(
            path,
            one_hot_records(parts[name], columns, settings.feature_dim, with_label=has_label),
        )
    write_tables(output / "ratings", parts, columns)


if __name__ == "__main__":
    main()
