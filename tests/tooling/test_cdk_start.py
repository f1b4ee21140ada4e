"""The CDK's command line starts from compiled code, and does what its source says all the same."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "exports.cli = () => { console.log('ONE', require('./other').name, __filename); };\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a command line interface of one line in place of the CDK's."""
    files = {
        "tools/cdk": (ROOT / "tools/cdk").read_text("utf-8"),
        "tools/cdk-start.cjs": (ROOT / "tools/cdk-start.cjs").read_text("utf-8"),
        "node_modules/aws-cdk/bin/cdk": "require('../lib').cli();\n",
        "node_modules/aws-cdk/lib/index.js": SOURCE,
        "node_modules/aws-cdk/lib/other.js": "exports.name = 'other';\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/node").symlink_to(ROOT / ".venv/bin/node")
    return tmp_path


def run(checkout: Path) -> str:
    done = subprocess.run(
        ["/bin/sh", checkout / "tools/cdk", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def said(checkout: Path, word: str) -> str:
    return f"{word} other {checkout / 'node_modules/aws-cdk/lib/index.js'}\n"


def kept(checkout: Path) -> list[Path]:
    return sorted((checkout / ".cache/cdk-code").iterdir())


def test_code_is_kept_once_and_taken_again(checkout: Path) -> None:
    assert run(checkout) == said(checkout, "ONE")
    (file,) = kept(checkout)
    written = file.stat().st_mtime_ns
    assert run(checkout) == said(checkout, "ONE")
    assert kept(checkout) == [file]
    assert file.stat().st_mtime_ns == written


def test_a_command_line_that_is_patched_in_place_is_noticed(checkout: Path) -> None:
    index = checkout / "node_modules/aws-cdk/lib/index.js"
    run(checkout)
    before = index.stat()
    index.write_text(
        SOURCE.replace("ONE", "TWO")
    )  # of the same length, which is all that V8 compares
    os.utime(index, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(checkout) == said(checkout, "TWO")
    assert len(kept(checkout)) == 1


@pytest.mark.parametrize("content", [b"", b"no code", b"\0" * 5000])
def test_a_damaged_cache_is_replaced(checkout: Path, content: bytes) -> None:
    run(checkout)
    (file,) = kept(checkout)
    file.write_bytes(content)
    assert run(checkout) == said(checkout, "ONE")
    assert kept(checkout)[0].read_bytes() != content


def test_where_nothing_can_be_kept_it_starts_all_the_same(checkout: Path) -> None:
    (checkout / ".cache").mkdir()
    (checkout / ".cache/cdk-code").touch()
    (checkout / ".cache").chmod(0o500)
    try:
        assert run(checkout) == said(checkout, "ONE")
    finally:
        (checkout / ".cache").chmod(0o700)
