"""Every link of a page leads to a file and to its heading; so do the pages that the code names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "model_configs").glob("*/README.md"),
        *(ROOT / "smp").rglob("*.md"),
    }
)
SOURCES = sorted(
    file
    for directory in ("smp", "constructs_lib", "stacks", "tools", "delivery", "model_configs")
    for file in (ROOT / directory).rglob("*")
    if file.suffix in (".py", ".sh", ".yml", ".yaml")
)
LINK = re.compile(r"\]\((?![a-z]+:)([^)\s]+)\)")
NAMED_IN_CODE = re.compile(r"\b(docs/[a-z][\w/-]*\.md)(?:#([\w-]+))?")


def prose(text: str) -> str:
    """The page without its code blocks, which may hold what looks like a link or a heading."""
    return re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)


def github_anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading: each space becomes a hyphen."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def site_anchor(heading: str) -> str:
    """The anchor that MkDocs makes of a heading: several spaces or hyphens become one hyphen."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def anchors(page: Path) -> set[str]:
    """Return the anchors that lead to the same heading on GitHub and on the documentation site."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(page.read_text("utf-8")), re.MULTILINE)
    shown = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {github_anchor(text) for text in shown} & {site_anchor(text) for text in shown}


def broken(page: Path, text: str) -> list[str]:
    """Return the links in `text`, read as a part of `page`, that lead nowhere."""
    found = []
    for link in LINK.findall(prose(text)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken(page, page.read_text("utf-8")) == []


def test_the_pages_that_the_code_names_exist() -> None:
    missing = [
        f"{file.relative_to(ROOT)}: {page}#{anchor}"
        for file in SOURCES
        for page, anchor in NAMED_IN_CODE.findall(file.read_text("utf-8"))
        if not (ROOT / page).is_file() or (anchor and anchor not in anchors(ROOT / page))
    ]
    assert missing == []


@pytest.mark.parametrize(
    "text",
    [
        "[a page](gone.md)",
        "[a heading](page.md#gone)",
        "[a heading of this page](#gone)",
        "[a comment, not a heading](#not-a-heading)",
        "[a heading with two anchors](#alerts-and-metrics)",
    ],
)
def test_fails_for_a_link_that_leads_nowhere(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n## Run `smp`\n\n## Alerts & metrics\n\n```sh\n# not a heading\n```\n"
    )
    assert broken(page, "[run](page.md#run-smp), [here](#page), [web](https://example.com/)") == []
    assert broken(page, text) != []
