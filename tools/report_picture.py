"""Draws docs/report.png, the picture on the site's front page: the report of a local run in Chromium.

Run it again when the report looks different: `python -m tools.report_picture` (needs chromium on PATH).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "report.png"
PIPELINE = "churn-lightgbm"
WIDTH, HEIGHT, SCALE = 1000, 1060, 1.5
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Run the pipeline, write its report and take its picture; returns the exit status."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"report_picture: none of {', '.join(BROWSERS)} is on PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        shutil.copytree(ROOT / "model_configs", workspace / "model_configs")
        for command in (
            ["stage", PIPELINE],
            ["run", PIPELINE],
            ["report", "last", "-o", "report.html"],
        ):
            subprocess.run(["smp", *command], cwd=workspace, check=True)
        photograph(browser, workspace / "report.html", PICTURE, workspace)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")
    return 0


def photograph(browser: str, page: Path, picture: Path, profile: Path) -> None:
    """Write the upper part of a page, in its light colours, as a PNG."""
    subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={profile / 'browser'}", f"--window-size={WIDTH},{HEIGHT}"),
            f"--force-device-scale-factor={SCALE}",
            *(f"--screenshot={picture}", page.as_uri()),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
