"""The documentation site: complete, without a dead link, and without anything from a network."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.local.report.browser import browser_page, find_browser
from tools.docs_site import build
from tools.environments import DOCS, is_installed
from tools.site_pages import (
    ROOT,
    navigation,
    repository_path,
    site_path,
    with_links_of_the_site,
)

README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted((ROOT / "docs").glob("*.md"))
LIST_ITEM = re.compile(r" *(?:[-*]|\d+\.) ")
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}
"""Attributes that a browser loads without a click."""


def listed_pages() -> list[str]:
    groups = navigation(README)
    return [
        next(iter(page.values())) for group in groups[1:-1] for page in next(iter(group.values()))
    ]


def test_the_navigation_has_the_groups_of_the_readme() -> None:
    assert [next(iter(group)) for group in navigation(README)] == [
        "Start",
        "Write a pipeline",
        "Run locally",
        "Deploy",
        "Deliver",
        "Operate",
        "Other engines",
        "Extend",
        "Decisions",
    ]


def test_every_page_is_in_the_navigation_once() -> None:
    listed = listed_pages()
    assert len(listed) == len(set(listed))
    assert {page.name for page in PAGES} - {"index.md"} <= set(listed)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("docs/gates.md", "gates.md"),
        ("docs/adr/0001-sdk-offline-adapter.md", "adr/0001-sdk-offline-adapter.md"),
        ("CONTRIBUTING.md", "repository/CONTRIBUTING.md"),
        ("app.py", "repository/app.py.md"),
    ],
)
def test_a_file_of_the_repository_has_one_page(path: str, page: str) -> None:
    assert site_path(path) == page
    assert repository_path(page) == path


def test_links_between_files_become_links_between_pages() -> None:
    markdown = (
        "[a](../app.py) [b](gates.md#retries) [c](https://example.com) [d](#d) `[e](../x.md)`\n"
        "```sh\n[f](../x.md)\n```\n[g](../README.md) ![h](housing.svg)\n"
    )
    assert with_links_of_the_site(markdown, "docs/loops.md") == (
        "[a](repository/app.py.md) [b](gates.md#retries) [c](https://example.com) [d](#d) `[e](../x.md)`\n"
        "```sh\n[f](../x.md)\n```\n[g](index.md) ![h](housing.svg)\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_list_after_a_paragraph_has_a_blank_line_before_it(page: Path) -> None:
    """Without it GitHub shows a list, and the site a paragraph with hyphens."""
    in_code, previous, found = False, "", []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        paragraph = previous.strip() and not previous.startswith(("#", " ", "|"))
        starts = LIST_ITEM.match(line) and not LIST_ITEM.match(previous)
        if not in_code and paragraph and starts:
            found.append(f"{page.name}:{number}: {line}")
        previous = line
    assert not found


class _Loaded(HTMLParser):
    """Collects what a browser loads for a page, and the classes that make scripts load more."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.classes |= set(values.get("class", "").split())
        if tag in LOADED and values.get("rel") != "canonical":
            self.addresses.append(values.get(LOADED[tag], ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not is_installed(DOCS):
        pytest.fail("the site's generator is not installed: run make environments")
    directory = tmp_path_factory.mktemp("site")
    done = build(directory)
    assert done.returncode == 0, done.stdout
    return directory


@pytest.mark.slow
def test_a_page_loads_nothing_from_a_network(site: Path) -> None:
    found = []
    for page in site.rglob("*.html"):
        loaded = _Loaded()
        loaded.feed(page.read_text("utf-8"))
        name = page.relative_to(site)
        found += [f"{name}: {place}" for place in loaded.addresses if re.match(r"(\w+:)?//", place)]
        if "mermaid" in loaded.classes:
            found.append(f"{name}: a mermaid block, which is drawn by a script from a network")
    assert found == []


@pytest.mark.slow
def test_stylesheets_load_nothing_from_a_network(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    held = [
        sheet.name
        for sheet in sheets
        if re.search(r"(?:@import|url\()\s*['\"]?(?:\w+:)?//", sheet.read_text("utf-8"))
    ]
    assert held == []


@pytest.mark.slow
def test_the_browser_is_asked_to_refuse_other_hosts(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    policy = "default-src 'self' file: data: blob: 'unsafe-inline'"
    assert len(pages) > len(PAGES)
    assert all(policy in page.read_text("utf-8") for page in pages)


@pytest.mark.slow
def test_every_page_can_be_found_by_its_title(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"] for entry in index["docs"]}
    assert {f"{page.stem}.html" for page in PAGES} <= found


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on a free port of loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("page", ["index.html", "configuration.html", "targets.html"])
def test_a_page_fits_its_window_and_breaks_no_rule_of_the_policy(
    address: str, page: str, width: int, tmp_path: Path
) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("needs a Chromium on PATH")
    with browser_page(browser, tmp_path / "profile") as shown:
        shown.open(f"{address}/{page}", width=width)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.problems == []


@pytest.mark.slow
def test_search_finds_a_page_without_a_network(address: str, tmp_path: Path) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("needs a Chromium on PATH")
    with browser_page(browser, tmp_path / "profile") as shown:
        shown.open(f"{address}/index.html?q=retries")
        end = time.monotonic() + 20
        links: list[str] = []
        while not links and time.monotonic() < end:
            time.sleep(0.1)
            links = shown.evaluate(
                "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
            )
        assert any("/gates.html" in link for link in links)
        assert shown.problems == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "named"), [("missing.md", "'missing.md'"), ("loops.md#no-such-heading", "'loops.md'")]
)
def test_fails_to_build_with_a_link_that_leads_nowhere(
    tmp_path: Path, link: str, named: str
) -> None:
    for entry in ROOT.iterdir():
        if entry.name in ("docs", "tools"):
            shutil.copytree(entry, tmp_path / entry.name)
        elif not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    with (tmp_path / "docs" / "gates.md").open("a", encoding="utf-8") as page:
        page.write(f"\n[nowhere]({link})\n")
    done = build(tmp_path / "site", tmp_path)
    assert done.returncode != 0
    assert f"'gates.md' contains a link {named}" in done.stdout.replace("#no-such-heading", "")
