"""The project has its licence, and the page of its dependencies' licences is complete and current."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tools.licences import PAGE, WITHOUT_METADATA, licence_of, locked, node_licences, render

ROOT = Path(__file__).resolve().parents[2]


def rows() -> dict[str, str]:
    text = PAGE.read_text("utf-8")
    return dict(re.findall(r"^\| (\S+) \| (\S.*) \|$", text, flags=re.MULTILINE))


def test_every_locked_package_has_its_licence_on_the_page() -> None:
    wanted = {*locked(), *(name for name, _ in node_licences())}
    assert len(wanted) > 200
    listed = {name for name in rows() if name != "package"}
    assert listed == wanted


@pytest.mark.skipif(Path(sys.prefix).parent != ROOT, reason="reads the checkout's own environment")
def test_the_page_is_what_the_packages_state() -> None:
    assert PAGE.read_text("utf-8") == render(), "run: python -m tools.licences"


def test_what_is_stated_by_hand_is_of_locked_packages() -> None:
    assert set(WITHOUT_METADATA) <= set(locked())


def test_fails_for_a_package_that_names_no_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "nameless-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nameless\nVersion: 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LookupError, match="nameless names no licence; look it up"):
        licence_of("nameless")


def test_the_project_is_under_the_apache_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    for name in project["license-files"]:
        assert (ROOT / name).is_file()
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
