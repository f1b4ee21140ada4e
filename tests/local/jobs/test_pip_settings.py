"""What pip is set to holds for uv: files and variables in pip's order, indexes, proxies, restrictions."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from smp.errors import SetupError
from smp.local.jobs.environments import Environments
from smp.local.jobs.pip_settings import read_pip_settings
from tests.local.jobs.test_environments import installed, wheel

PASSWORD = "s3cr3t"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any setting, whose home is empty."""
    for name in ("PIP_", "UV_", "SSL_", "HTTP_", "HTTPS_"):
        for variable in [key for key in os.environ if key.upper().startswith(name)]:
            monkeypatch.delenv(variable)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "etc"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def variables(**environ: str) -> dict[str, str]:
    """Return what uv gets beyond the environment itself, but for the system's certificates."""
    found = read_pip_settings(environ).variables(environ)
    return {k: v for k, v in found.items() if environ.get(k) != v and k != "UV_SYSTEM_CERTS"}


NO_FILES = {"PIP_CONFIG_FILE": "/dev/null"}
IN_UVS_TERMS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nothing": ({}, {}),
    "an index": ({"PIP_INDEX_URL": "https://a/simple"}, {"UV_DEFAULT_INDEX": "https://a/simple"}),
    "further indexes, of which the best version counts": (
        {"PIP_EXTRA_INDEX_URL": "https://a\n  https://b"},
        {"UV_INDEX": "https://a https://b", "UV_INDEX_STRATEGY": "unsafe-best-match"},
    ),
    "files": ({"PIP_FIND_LINKS": "/w /x"}, {"UV_FIND_LINKS": "/w,/x"}),
    "a bundle": ({"PIP_CERT": "/c.pem"}, {"SSL_CERT_FILE": "/c.pem"}),
    "a bundle before the environment's": (
        {"PIP_CERT": "/c.pem", "SSL_CERT_FILE": "/d.pem"},
        {"SSL_CERT_FILE": "/c.pem"},
    ),
    "the bundle of requests": ({"REQUESTS_CA_BUNDLE": "/c.pem"}, {"SSL_CERT_FILE": "/c.pem"}),
    "a client's certificate": ({"PIP_CLIENT_CERT": "/c.pem"}, {"SSL_CLIENT_CERT": "/c.pem"}),
    "a host without a certificate": ({"PIP_TRUSTED_HOST": "a"}, {"UV_INSECURE_HOST": "a"}),
    "a time limit": (
        {"PIP_DEFAULT_TIMEOUT": "15.5", "PIP_TIMEOUT": "7.5"},
        {"UV_HTTP_TIMEOUT": "8"},
    ),
    "a time limit by its other name": ({"PIP_DEFAULT_TIMEOUT": "15"}, {"UV_HTTP_TIMEOUT": "15"}),
    "retries": ({"PIP_RETRIES": "2"}, {"UV_HTTP_RETRIES": "2"}),
    "a keyring": ({"PIP_KEYRING_PROVIDER": "import"}, {"UV_KEYRING_PROVIDER": "subprocess"}),
    "uv's own variable counts": ({"PIP_INDEX_URL": "https://a", "UV_INDEX_URL": "https://b"}, {}),
    "an empty value is none": ({"PIP_INDEX_URL": ""}, {}),
}


@pytest.mark.parametrize(("given", "wanted"), IN_UVS_TERMS.values(), ids=IN_UVS_TERMS)
def test_a_setting_of_pip_is_one_of_uv(given: dict[str, str], wanted: dict[str, str]) -> None:
    assert variables(**NO_FILES, **given) == wanted


@pytest.mark.parametrize("proxy", ["proxy:8080", "http://proxy:8080"])
def test_a_proxy_of_pip_takes_the_place_of_the_environments(proxy: str) -> None:
    found = variables(**NO_FILES, PIP_PROXY=proxy, https_proxy="http://other")
    assert set(found.values()) == {"http://proxy:8080"}
    assert {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} <= set(found)


RESTRICTIONS = {
    "only wheels": (
        {"PIP_ONLY_BINARY": ":all:"},
        ["--only-binary", ":all:"],
    ),
    "packages that are built": (
        {"PIP_NO_BINARY": "a,b"},
        ["--no-binary", "a", "--no-binary", "b"],
    ),
    "a constraint": ({"PIP_CONSTRAINT": "/c.txt"}, ["--constraints", "/c.txt"]),
    "a date": ({"PIP_UPLOADED_PRIOR_TO": "2026-01-01"}, ["--exclude-newer", "2026-01-01"]),
    "pre-releases": ({"PIP_PRE": "1"}, ["--prerelease", "allow"]),
    "no pre-releases": ({"PIP_PRE": "0"}, []),
}


@pytest.mark.parametrize(("given", "wanted"), RESTRICTIONS.values(), ids=RESTRICTIONS)
def test_what_pip_would_not_install_uv_does_not(given: dict[str, str], wanted: list[str]) -> None:
    assert read_pip_settings({**NO_FILES, **given}).restrictions() == wanted


@pytest.mark.usefixtures("home")
def test_files_count_in_the_order_of_pip(tmp_path: Path) -> None:
    def write(file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}

    def options() -> dict[str, str]:
        """Return the options that this test makes up; the machine may have files too."""
        found = read_pip_settings(environ).options
        return {name: value for name, value in found.items() if name.startswith("probe-")}

    write(tmp_path / "etc/pip/pip.conf", "[global]\nprobe-a = system\nprobe-b = system\n")
    assert options() == {"probe-a": "system", "probe-b": "system"}
    write(tmp_path / "home/.config/pip/pip.conf", "[global]\nprobe_a = user\nprobe-c = user\n")
    assert options() == {"probe-a": "user", "probe-b": "system", "probe-c": "user"}
    write(tmp_path / "named.conf", "[global]\nprobe-a = named\n[download]\nprobe-b = other\n")
    environ["PIP_CONFIG_FILE"] = str(tmp_path / "named.conf")
    assert options() == {"probe-a": "named", "probe-b": "system"}
    write(tmp_path / "named.conf", "[global]\nprobe-a = named\n[install]\nprobe-a = installing\n")
    assert options()["probe-a"] == "installing"
    environ["PIP_PROBE_A"] = "variable"
    assert options()["probe-a"] == "variable"


def test_fails_for_a_file_that_cannot_be_read_without_its_text(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(f"index-url = https://user:{PASSWORD}@index/simple\n")
    with pytest.raises(SetupError) as caught:
        read_pip_settings({"PIP_CONFIG_FILE": str(file), "HOME": str(tmp_path)})
    assert str(file) in str(caught.value)
    assert PASSWORD not in str(caught.value)


class Index(ThreadingHTTPServer):
    """A package index on this machine with the packages of a directory, for one user; also a proxy."""

    def __init__(self, packages: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.packages = packages
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://user:{PASSWORD}@127.0.0.1:{self.server_port}/simple"


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        expected = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        name = self.path.rstrip("/").rpartition("/")[2]
        file = self.server.packages / name
        pages = "".join(f'<a href="/{each.name}">{each.name}</a>' for each in _wheels(self, name))
        content = file.read_bytes() if file.suffix == ".whl" else pages.encode()
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", "application/zip" if file.suffix else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _wheels(handler: _Handler, name: str) -> list[Path]:
    return sorted(handler.server.packages.glob(f"{name}-*.whl"))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    packages = tmp_path / "packages"
    packages.mkdir()
    wheel(packages, "1.0")
    server = Index(packages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def configure(home: Path, text: str) -> None:
    file = home / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)


@pytest.mark.slow
def test_a_model_gets_its_packages_from_the_index_that_pip_is_set_to(
    tmp_path: Path, home: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    configure(home, f"[global]\nindex-url = {index.address}\n")
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text("probe==1.0\n")

    found = Environments(tmp_path / "envs", lambda _: None).bin_of(requirements)

    assert installed(found) == "1.0"
    assert "/simple/probe/" in index.asked
    version = [str(found / "python"), "-m", "pip", "--version"]
    assert subprocess.run(version, capture_output=True, check=True).stdout.startswith(b"pip ")
    assert list(found.parent.glob("lib/*/site-packages/__pycache__/probe*.pyc"))


@pytest.mark.slow
def test_a_proxy_of_pip_is_asked(tmp_path: Path, home: Path, index: Index) -> None:
    configure(
        home,
        f"[global]\nindex-url = http://user:{PASSWORD}@index.invalid/simple\n"
        f"proxy = 127.0.0.1:{index.server_port}\n",
    )
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text("probe\n")

    found = Environments(tmp_path / "envs", lambda _: None).bin_of(requirements)

    assert installed(found) == "1.0"
    assert any(path.startswith("http://index.invalid/") for path in index.asked)


@pytest.mark.slow
@pytest.mark.parametrize("requirement", ["probe==7.0", "absent"])
def test_fails_without_the_password_of_an_index(
    tmp_path: Path, home: Path, index: Index, requirement: str
) -> None:
    configure(home, f"[global]\nindex-url = {index.address}\n")
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text(f"{requirement}\n")

    with pytest.raises(SetupError) as caught:
        Environments(tmp_path / "envs", lambda _: None).bin_of(requirements)

    assert requirement.partition("=")[0] in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["./package", "--no-binary :all:\n./package"])
def test_fails_to_run_the_setup_of_a_package_where_pip_may_not(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    configure(home, "[install]\nonly-binary = :all:\n")
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "package"
    package.mkdir()
    (package / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    requirements = tmp_path / "requirements-local.txt"
    requirements.write_text(f"{line}\n")

    with pytest.raises(SetupError):
        Environments(tmp_path / "envs", lambda _: None).bin_of(requirements)

    assert not (tmp_path / "ran").exists()
