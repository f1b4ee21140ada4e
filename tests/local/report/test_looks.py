"""The report as a person meets it: in a browser, in both modes, on a phone, by keyboard, on paper."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.local.example_runs import Example
from tests.local.report.browser import XDG, Page, browser_page, find_browser
from tests.local.report.conftest import write_report

STILL = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def failed_report(failed: Example) -> Path:
    return write_report(failed)


def colours(png: bytes) -> Counter[bytes]:
    """Count the bytes of a PNG's rows: one value only means an empty picture."""
    data, position = b"", 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        if png[position + 4 : position + 8] == b"IDAT":
            data += png[position + 8 : position + 8 + length]
        position += 12 + length
    raw = zlib.decompress(data)
    return Counter(raw[n : n + 1] for n in range(0, len(raw), 7))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["succeeded", "failed", "forty"])
@pytest.mark.slow
def test_it_fits_the_window_and_the_console_stays_empty(
    page: Page, request: pytest.FixtureRequest, name: str, width: int, dark: bool
) -> None:
    page.open(write_report(request.getfixturevalue(name)), width, dark=dark)
    page.evaluate(STILL)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.problems == []
    seen = colours(page.screenshot())
    assert len(seen) > 20
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(18, 22, 29)" if dark else "rgb(246, 247, 249)")


def test_a_click_in_the_picture_opens_the_step(page: Page, succeeded: Example) -> None:
    page.open(write_report(succeeded))
    is_open = "document.querySelector('#step-1').open"
    assert page.evaluate(is_open) is False
    before = page.screenshot()
    page.click('.dag a[href="#step-1"]')
    assert page.evaluate(is_open) is True
    assert page.evaluate("document.activeElement.parentElement.id") == "step-1"
    assert page.screenshot() != before
    assert page.problems == []


def test_the_keyboard_reaches_and_opens_a_step(page: Page, succeeded: Example) -> None:
    page.open(write_report(succeeded))
    page.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.evaluate("document.querySelector('#step-1 > summary').focus()")
    page.press("Enter", "\r")
    assert page.evaluate("document.querySelector('#step-1').open") is True


def test_steps_are_found_by_name_and_state(page: Page, forty: Example) -> None:
    page.open(write_report(forty))
    page.evaluate(
        "(() => { const box = document.querySelector('#find'); box.value = 'training failed';"
        "box.dispatchEvent(new Event('input')); })()"
    )
    shown = "[...document.querySelectorAll('details.step')].filter(s => !s.hidden).length"
    assert page.evaluate(shown) == 1
    assert page.evaluate("document.querySelector('#found').textContent") == "1 of 40"
    page.click("#open-all")
    assert page.evaluate("document.querySelectorAll('details.step[open]').length") == 1
    page.evaluate("location.hash = '#step-1'")
    page.evaluate(STILL)
    assert page.evaluate("document.querySelector('#found').textContent") == "2 of 40"


def test_everything_can_be_read_without_the_script(page: Page, failed_report: Path) -> None:
    page.open(failed_report, script=False)
    page.click("#step-1 > summary")
    assert page.evaluate("document.querySelector('#step-1').open") is True
    assert page.evaluate("document.querySelector('#tools').hidden") is True


@pytest.mark.parametrize("width", [1280, 390])
def test_a_failure_stands_first_with_its_cause_its_last_lines_and_what_to_run(
    page: Page, failed: Example, width: int
) -> None:
    page.open(write_report(failed), width)
    card = "document.querySelector('.failures')"
    text = page.evaluate(f"{card}.innerText")
    for needed in (
        "1 step failed",
        "churn-transform",
        "the script ended with exit code 1: KeyError: 'MonthlyCharges'",
        "smp run churn-lightgbm --only churn-transform",
        "smp run churn-lightgbm",
        f"smp logs {failed.run.id} churn-transform",
    ):
        assert needed in text
    last_line = failed.run.log_path("churn-transform").read_text(errors="replace").splitlines()[-1]
    assert last_line in text
    top = page.evaluate(f"{card}.getBoundingClientRect().top")
    assert top < 450, "it begins in the first window, above the results"
    outside = f"[...{card}.querySelectorAll('code, pre')].filter(e => {{ const b = "
    outside += "e.getBoundingClientRect(); return b.right > innerWidth || b.width < 40 }).length"
    assert page.evaluate(outside) == 0
    assert len(colours(page.screenshot())) > 20


def test_a_log_opens_at_its_end(page: Page, failed_report: Path) -> None:
    page.open(failed_report)
    box = "document.querySelector('details.step .log')"
    assert page.evaluate(f"{box}.scrollHeight > {box}.clientHeight") is True
    assert page.evaluate(f"{box}.scrollTop") == 0
    bottoms = f"[{box}, {box}.firstElementChild].map(e => e.getBoundingClientRect().bottom)"
    outer, inner = page.evaluate(bottoms)
    assert abs(outer - inner) < 3


def test_the_hostile_log_ran_nothing(page: Page, failed_report: Path) -> None:
    page.open(failed_report)
    assert page.evaluate("document.title").startswith("churn-lightgbm: Failed")


def test_focus_that_goes_up_is_never_behind_the_navigation(page: Page, forty: Example) -> None:
    page.open(write_report(forty))
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    page.evaluate("document.querySelector('.steps summary').focus()")
    bottom = page.evaluate("document.querySelector('nav').getBoundingClientRect().bottom")
    for _ in range(60):
        page.press("Tab", shift=True)
        assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= bottom


def test_the_links_of_the_timeline_are_high_enough_to_hit(page: Page, forty: Example) -> None:
    page.open(write_report(forty))
    heights = "[...document.querySelectorAll('.gantt a')].map(a => a.offsetHeight)"
    assert min(page.evaluate(heights)) >= 24


@pytest.mark.parametrize("on_paper", [False, True], ids=["screen", "paper"])
@pytest.mark.parametrize("width", [1280, 700, 390])
@pytest.mark.parametrize("name", ["succeeded", "forty"])
def test_the_picture_stays_below_its_heading_and_begins_with_its_first_card(
    page: Page, request: pytest.FixtureRequest, name: str, width: int, on_paper: bool
) -> None:
    page.open(write_report(request.getfixturevalue(name)), width)
    with page.on_paper() if on_paper else nullcontext():
        places = page.evaluate(PICTURE)
    assert places["heading"] <= places["picture"] <= places["card"]
    assert places["left"] <= places["cardLeft"]
    assert places["label"] == "none"


PICTURE = """
(() => {
  const box = s => document.querySelector(s).getBoundingClientRect();
  const cards = [...document.querySelectorAll('.dag rect.card')].map(c => c.getBoundingClientRect());
  return {
    heading: box('#pipeline').bottom,
    picture: box('.dag svg').top,
    card: Math.min(...cards.map(c => c.top)),
    left: box('.dag').left,
    cardLeft: Math.min(...cards.map(c => c.left)),
    label: getComputedStyle(document.querySelector('.dag text.title')).display,
  };
})()
"""


def test_it_prints(page: Page, failed_report: Path) -> None:
    page.open(failed_report)
    assert page.pdf().startswith(b"%PDF")


CONTRAST = """
(() => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = e => {
    for (; e; e = e.parentElement) {
      if (e.namespaceURI.endsWith('svg')) {
        const card = [...(e.parentElement?.children || [])].find(c => c.matches('rect.card'));
        if (card) return parse(getComputedStyle(card).fill);
      }
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const worst = new Map();
  document.querySelectorAll('details').forEach(d => d.open = true);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || e.closest('script, style, title, desc')) continue;
    const style = getComputedStyle(e);
    if (style.display === 'none') continue;
    const isSvg = e.namespaceURI.endsWith('svg');
    const [a, b] = [light(parse(isSvg ? style.fill : style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const key = `${e.tagName}.${e.getAttribute('class')}: ${walker.currentNode.textContent}`;
    if (ratio < 4.5) worst.set(key, ratio.toFixed(2));
  }
  return JSON.stringify([...worst]);
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["succeeded", "failed", "forty"])
def test_every_text_has_contrast_enough(
    page: Page, request: pytest.FixtureRequest, name: str, dark: bool
) -> None:
    page.open(write_report(request.getfixturevalue(name)), dark=dark)
    assert json.loads(page.evaluate(CONTRAST)) == []


ACCESSIBILITY = """
(() => {
  const faults = [];
  const count = s => document.querySelectorAll(s).length;
  for (const one of ['main', 'h1', 'nav[aria-label]', 'header', 'footer'])
    if (count(one) !== 1) faults.push(`${count(one)} of ${one}`);
  let level = 1;
  for (const h of document.querySelectorAll('h1, h2, h3')) {
    if (+h.tagName[1] > level + 1) faults.push(`heading leaps: ${h.textContent}`);
    level = +h.tagName[1];
  }
  for (const t of document.querySelectorAll('table'))
    if (!t.caption || !t.querySelector('thead th[scope=col]')) faults.push('table without names');
  for (const e of document.querySelectorAll('input, button'))
    if (!(e.labels?.length || e.textContent.trim())) faults.push(`no label: ${e.outerHTML}`);
  for (const e of document.querySelectorAll('svg:not([aria-hidden])'))
    if (!e.hasAttribute('aria-label') && !e.hasAttribute('aria-labelledby'))
      faults.push('svg without name');
  for (const e of document.querySelectorAll('a')) {
    if (!(e.getAttribute('aria-label') || e.textContent.trim())) faults.push('link without words');
  }
  for (const e of document.querySelectorAll('.wide, .dag, .log'))
    if (e.tabIndex !== 0) faults.push('cannot be scrolled by keyboard');
  if (document.documentElement.lang !== 'en') faults.push('no language');
  return faults.join('; ');
})()
"""


@pytest.mark.parametrize("name", ["succeeded", "failed", "forty"])
@pytest.mark.slow
def test_landmarks_headings_tables_and_controls_have_names(
    page: Page, request: pytest.FixtureRequest, name: str
) -> None:
    page.open(write_report(request.getfixturevalue(name)))
    assert page.evaluate(ACCESSIBILITY) == ""


@pytest.mark.slow
def test_the_browser_writes_into_its_own_directory_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed_report: Path
) -> None:
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium on this machine")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", *XDG):
        monkeypatch.setenv(name, str(home))
    (tmp_path / "own").mkdir()
    with browser_page(browser, tmp_path / "own" / "profile") as page:
        page.open(failed_report)
    assert list(home.iterdir()) == []
