"""Reads the JSON reports that steps write: one rule for conditions, registration, pages and MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smp.text.strict_json import read_json


def read_report(path: Path) -> Any:
    """Return what a report holds; raises ValueError saying what is wrong with it."""
    try:
        return read_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
