"""Reads what pip is set to on this machine, and writes it in uv's terms.

uv installs the packages, but reads neither pip's files nor its variables: an index, a proxy or a
certificate that is set for pip must hold for uv too. Imports nothing that has to be installed.
It never prints a setting: addresses of indexes can hold passwords.
Sources: pip's "Configuration" (files, their order, variables), uv's "Environment variables".
"""

from __future__ import annotations

import configparser
import math
import os
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smp.errors import Problem, SetupError

_TRUE = ("1", "true", "yes", "on", "y", "t")

_VARIABLES = (
    ("index-url", " ", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
    ("extra-index-url", " ", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
    ("find-links", ",", ("UV_FIND_LINKS",)),
    ("trusted-host", " ", ("UV_INSECURE_HOST",)),
    ("retries", " ", ("UV_HTTP_RETRIES",)),
)
"""An option of pip, what separates its values in uv's variable, and that variable's names.

The first name is written, unless one of them is set: who set it meant uv.
"""

_OPTIONS = (
    ("constraint", "--constraints"),
    ("only-binary", "--only-binary"),
    ("no-binary", "--no-binary"),
    ("uploaded-prior-to", "--exclude-newer"),
)
"""An option of pip that narrows what may be installed, and uv's; once for each value."""


@dataclass(frozen=True)
class PipSettings:
    """The options of `pip install` by name, such as `index-url`, each as its text."""

    options: Mapping[str, str]

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a uv process: `environ`, and where packages come from."""
        found = dict(environ)
        for option, separator, names in _VARIABLES:
            values = self._values(option)
            if values and not any(environ.get(name) for name in names):
                found[names[0]] = separator.join(values)
        if self._values("extra-index-url"):
            # As pip does it: the best version of all indexes, not the first index that has the package.
            found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
        if timeout := self.options.get("timeout") or self.options.get("default-timeout"):
            found.setdefault("UV_HTTP_TIMEOUT", str(math.ceil(float(timeout))))
        if self.options.get("keyring-provider") in ("import", "subprocess"):
            found.setdefault("UV_KEYRING_PROVIDER", "subprocess")
        return found | self._proxy() | self._certificates(environ)

    def index_options(self) -> list[str]:
        """Return uv's option for a pip that must not ask an index."""
        return ["--no-index"] if self._is_set("no-index") else []

    def restrictions(self) -> list[str]:
        """Return uv's options for what pip would not install; a lock file with hashes needs none.

        An editable package is built even with `only-binary`, by uv as by pip.
        """
        given = [
            text
            for option, name in _OPTIONS
            for value in self._values(option)
            for text in (name, value)
        ]
        if self._is_set("pre"):
            given += ["--prerelease", "allow"]
        return given

    def _is_set(self, option: str) -> bool:
        return self.options.get(option, "").lower() in _TRUE

    def _values(self, option: str) -> list[str]:
        separated = self.options.get(option, "")
        if option in ("only-binary", "no-binary"):
            separated = separated.replace(",", " ")
        return [_expanded(value) for value in separated.split()]

    def _proxy(self) -> dict[str, str]:
        """Return the variables of pip's proxy, which takes the place of the environment's."""
        proxy = self.options.get("proxy", "")
        if not proxy:
            return {}
        address = proxy if "://" in proxy else f"http://{proxy}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        return {case(name): address for name in names for case in (str.upper, str.lower)}

    def _certificates(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what makes uv trust the authorities that pip trusts."""
        found = {}
        if client := self.options.get("client-cert"):
            found["SSL_CLIENT_CERT"] = _expanded(client)
        bundle = self.options.get("cert")
        if not bundle and not environ.get("SSL_CERT_FILE"):
            bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
        if bundle:
            kind = "SSL_CERT_DIR" if Path(_expanded(bundle)).is_dir() else "SSL_CERT_FILE"
            return {**found, kind: _expanded(bundle)}
        if "UV_SYSTEM_CERTS" not in environ and _system_has_certificates():
            found["UV_SYSTEM_CERTS"] = "true"
        return found


def install_command(
    python: Path, settings: PipSettings, *, write_bytecode: bool = True
) -> list[str]:
    """Return the command with which uv installs into the environment of `python`; what, is to be added.

    Bytecode is written at once, on all cores, also where PYTHONDONTWRITEBYTECODE keeps Python from it.
    """
    from uv import find_uv_bin  # installed from the lock file before anything else

    bytecode = "--compile-bytecode" if write_bytecode else "--no-compile-bytecode"
    installing = (find_uv_bin(), "pip", "install", "--python", str(python), bytecode)
    return [*installing, "--color", "never", "--no-progress", *settings.index_options()]


def read_pip_settings(environ: Mapping[str, str]) -> PipSettings:
    """Read pip's files and variables; raises SetupError for a file that pip could not read either."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in _files(environ):
        for section, options in _read(file).items():
            sections.setdefault(section, {}).update(options)
    variables = {
        _normal(name.removeprefix("PIP_")): value
        for name, value in environ.items()
        if name.startswith("PIP_")
    }
    found = {**sections["global"], **_given(sections["install"]), **_given(variables)}
    return PipSettings(found)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that pip reads, the one that counts most last."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    macos = sys.platform == "darwin"
    if macos:
        yield Path("/Library/Application Support/pip/pip.conf")
    else:
        for directory in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
            yield Path(directory, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    if not (named and Path(named).exists()):
        yield home / ".pip" / "pip.conf"
        of_macos = home / "Library" / "Application Support" / "pip"
        configured = Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip")
        yield (of_macos if macos and of_macos.is_dir() else configured) / "pip.conf"
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def _read(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # The parser's own message would quote the line, and a password in it.
        reason = f"pip's settings in {file} cannot be read: {type(error).__name__}"
        raise SetupError([Problem(reason, hint="correct the file; pip config debug")]) from None
    return {
        section: {_normal(name): value for name, value in parser.items(section)}
        for section in parser.sections()
    }


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _given(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options that have a value: pip passes over an empty one."""
    return {name: value for name, value in options.items() if value}


def _expanded(value: str) -> str:
    return str(Path(value).expanduser()) if value.startswith("~") else value


def _system_has_certificates() -> bool:
    """Whether uv finds authorities in the system's store; it brings others, for a system without any."""
    if sys.platform == "darwin":
        return True
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return True
    return bool(paths.capath) and any(Path(paths.capath).iterdir())
