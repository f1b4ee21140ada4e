"""The table of start scripts in docs/training-images.md, from the data that the compiler uses.

`python -m tools.training_images` brings the page up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smp.definition.start_scripts import OTHER, START_SCRIPTS, StartScript

PAGE = Path(__file__).parents[1] / "docs" / "training-images.md"
BEGIN = "<!-- start scripts: written by python -m tools.training_images -->"
END = "<!-- end of start scripts -->"


def updated(page: str) -> str:
    """Return the page with the table brought up to date."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(_lines()) + f"\n\n{END}{after}"


def _lines() -> Iterator[str]:
    yield "| image | hyperparameters that are added | arguments | entry point | source |"
    yield "|---|---|---|---|---|"
    for start in (*START_SCRIPTS, OTHER):
        cells = (start.name, _required(start), _arguments(start), _entry_point(start), start.source)
        yield f"| {' | '.join(cells)} |"


def _required(start: StartScript) -> str:
    return ", ".join(f"`{name}: {value}`" for name, value in start.required.items()) or "none"


def _arguments(start: StartScript) -> str:
    if start.joins_arguments:
        return "by a shell"
    return (
        'as they are; `"` at the ends of the last one is lost'
        if start.strips_quotes
        else "as they are"
    )


def _entry_point(start: StartScript) -> str:
    if start.runs_modules:
        return "run as a module: a `.py` file in the root, named as a Python module"
    return "`.py` or `.sh`, also in subdirectories"


def main() -> None:
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
