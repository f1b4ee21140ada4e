"""Drives a Chromium that is on this machine, over the pipe of its own debugging protocol.

No driver and no library is needed, and nothing listens on a port.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_SECONDS = 30
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


XDG = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")


def find_browser() -> str | None:
    """Return a Chromium's path, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page. `problems` collects exceptions and errors on the console."""

    def __init__(self, process: subprocess.Popen[bytes], read: int, write: int) -> None:
        self._process = process
        self._read = os.fdopen(read, "rb", buffering=0)
        self._write = os.fdopen(write, "wb", buffering=0)
        self._rest = b""
        self._last = 0
        self._session: str | None = None
        self._seen: list[dict[str, Any]] = []
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self._call(f"{domain}.enable")

    def open(
        self, page: Path | str, width: int = 1280, *, dark: bool = False, script: bool = True
    ) -> None:
        """Load a file or an address in a window of that width, and wait until it is there."""
        self.set_width(width)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Emulation.setScriptExecutionDisabled", value=not script)
        self._seen.clear()
        url = page if isinstance(page, str) else page.absolute().as_uri()
        self._call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._seen):
            self._receive()

    def set_width(self, width: int, height: int = 900) -> None:
        """Give the page a window of that size."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    @contextmanager
    def on_paper(self) -> Iterator[None]:
        """Show the page by the rules for print."""
        self._call("Emulation.setEmulatedMedia", media="print")
        try:
            yield
        finally:
            self._call("Emulation.setEmulatedMedia", media="")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of the first element that matches."""
        place = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )
        time.sleep(0.05)

    def press(self, key: str, text: str = "", *, shift: bool = False) -> None:
        """Press a key, such as Tab or Enter."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self._call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                modifiers=8 if shift else 0,
                **typed,
            )

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return a PNG of the window, or of the whole page."""
        clip = {}
        if whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {"x": 0, "y": 0, "scale": 1, **_area(size)}}
        answer = self._call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)
        return base64.b64decode(answer["data"])

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        return base64.b64decode(self._call("Page.printToPDF")["data"])

    def close(self) -> None:
        """Let go of the pipes."""
        self._read.close()
        self._write.close()

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], TIMEOUT_SECONDS)
            if not ready:
                raise AssertionError(f"the browser said nothing for {TIMEOUT_SECONDS} s")
            chunk = self._read.read(1 << 16)
            if not chunk:
                raise AssertionError("the browser has gone away")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self._seen.append(message)
            self._note(message["method"], message["params"])
        return message

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        if method == "Runtime.consoleAPICalled" and params["type"] in (
            "error",
            "assert",
            "warning",
        ):
            self.problems.append(json.dumps(params["args"]))
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"])


def _area(size: dict[str, float]) -> dict[str, float]:
    return {"width": size["width"], "height": size["height"]}


@contextmanager
def browser_page(browser: str, profile: Path) -> Iterator[Page]:
    """Start a browser with an empty profile, writing nowhere else; it ends with the block."""
    home = profile.parent / "home"
    home.mkdir()
    places = {name: str(home / name.lower()) for name in XDG}
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    command = [browser, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    with (profile.parent / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(home), **places},
            start_new_session=True,
        )
    os.close(to_browser)
    os.close(from_browser)
    page = None
    try:
        page = Page(process, read, write)
        yield page
    finally:
        process.terminate()
        process.wait(20)
        if page is not None:
            page.close()
