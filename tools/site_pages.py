"""The pages and the navigation of the documentation site: MkDocs calls the functions `on_…`.

The pages are docs/*.md as they are. The navigation is the README's list of pages, so a page is listed once.
Files outside docs/ that a page links to, such as a model's README, become pages below `repository/`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs"
FRONT_PAGE = "index.md"
DECISIONS = "Decisions"

_LIST_OF_PAGES = re.compile(r"^## Documentation\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_GROUP = re.compile(r"^### (.+)\n((?:(?!^### ).*\n?)*)", re.MULTILINE)
_LISTED = re.compile(r"^\| \[([^\]]+)\]\(([^)]+)\) \|", re.MULTILINE)
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")
_CODE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_LANGUAGES = {".py": "python", ".sh": "sh", ".yml": "yaml", ".yaml": "yaml", ".json": "json"}

Navigation = list[dict[str, Any]]


def navigation(readme: str) -> Navigation:
    """Return the groups and pages of the README's section `Documentation`, then the decisions."""
    section = _LIST_OF_PAGES.search(readme)
    if section is None:
        raise ValueError("README.md has no section '## Documentation'")
    groups: Navigation = [{"Start": FRONT_PAGE}]
    for title, rows in _GROUP.findall(section[1]):
        pages = [{name: site_path(target)} for name, target in _LISTED.findall(rows)]
        groups.append({title: pages})
    groups.append({DECISIONS: [site_path(path) for path in _decisions()]})
    return groups


def _decisions() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / DOCS / "adr").glob("*.md"))


def site_path(path: str) -> str:
    """Return the place in the site of a file of the repository; both are relative."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    if path == "README.md":
        return FRONT_PAGE
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def repository_path(page: str) -> str:
    """Return the file of the repository that a page of the site is made of."""
    inside = page.removeprefix("repository/")
    if inside == page:
        return f"{DOCS}/{page}"
    return inside if (ROOT / inside).is_file() else inside.removesuffix(".md")


def links(markdown: str, path: str) -> Iterator[str]:
    """Return the files of the repository that a page links to; `path` is the page's own."""
    for match in _LINK.finditer(_CODE.sub("", markdown)):
        yield _resolved(match[2], path)


def with_links_of_the_site(markdown: str, path: str) -> str:
    """Return a page with its links between files turned into links between pages; code stays as it is."""
    here = posixpath.dirname(site_path(path))

    def moved(match: re.Match[str]) -> str:
        return match[1] + posixpath.relpath(site_path(_resolved(match[2], path)), here or ".")

    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(moved, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(moved, markdown[end:])])


def _resolved(target: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def outside_pages(readme: str) -> dict[str, str]:
    """Return the files outside docs/ that the README's list or a page links to, as markdown."""
    found: dict[str, str] = {}
    docs = sorted((ROOT / DOCS).rglob("*.md"))
    waiting = [target for _, target in _LISTED.findall(readme)]
    for page in docs:
        path = page.relative_to(ROOT).as_posix()
        waiting += links(page.read_text("utf-8"), path)
    while waiting:
        path = waiting.pop()
        if path.startswith((f"{DOCS}/", "..")) or path in found or path == "README.md":
            continue
        if (ROOT / path).exists():
            found[path] = _as_markdown(path)
            waiting += links(found[path], path) if path.endswith(".md") else ()
    return found


def _as_markdown(path: str) -> str:
    file = ROOT / path
    if file.is_dir():
        names = sorted(
            child.name for child in file.iterdir() if not child.name.startswith((".", "_"))
        )
        return "\n".join([f"# {path}\n", *(f"- `{name}`" for name in names)])
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        return text
    return f"# {path}\n\n````{_LANGUAGES.get(file.suffix, 'text')}\n{text}\n````\n"


def on_config(config: Any) -> Any:
    """Set the navigation (called by MkDocs)."""
    config.nav = navigation((ROOT / "README.md").read_text("utf-8"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside docs/ (called by MkDocs)."""
    from mkdocs.structure.files import File

    for path, text in outside_pages((ROOT / "README.md").read_text("utf-8")).items():
        files.append(File.generated(config, site_path(path), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files into links between pages (called by MkDocs)."""
    if page.file.src_uri == FRONT_PAGE:
        page.meta["hide"] = ["navigation", "toc"]
    return with_links_of_the_site(markdown, repository_path(page.file.src_uri))
