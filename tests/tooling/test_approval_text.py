"""What an approval shows of a review: short, on one line, and where the whole of it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.approval_text import MAX_CHARACTERS, main, short_form

LINK = "https://eu-west-1.console.aws.amazon.com/codesuite/codebuild/projects/x/build/y"


def test_a_short_review_is_shown_whole_without_its_markup() -> None:
    text = "# Changes\n\n- `churn`: **train** changed\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    assert short_form(text, LINK) == (
        f"Changes | - churn: train changed | | a | b | | | 1 | 2 | | whole text: {LINK}"
    )


def test_pictures_are_left_to_the_whole_text() -> None:
    assert short_form("![picture](data:image/svg+xml,AAAA)\n<svg>x</svg>\nend", "") == "x | end"


@pytest.mark.parametrize(
    "permission",
    [
        "Smp-dev: role R may now s3:* on *",
        "Smp-dev: role R may now s3:GetObject on arn:aws:s3:::<DataBucket>/code/*",
        "Smp-dev: role R may now ** on **",
    ],
)
def test_no_star_and_no_bucket_of_a_permission_is_lost(permission: str) -> None:
    assert short_form(f"{permission}\n", "") == permission


@pytest.mark.parametrize("lines", [30, 300, 30_000])
def test_a_long_review_is_cut_after_whole_lines(lines: int) -> None:
    text = "\n".join(f"line {number} says something" for number in range(lines))
    shown = short_form(text, LINK)
    assert len(shown) <= MAX_CHARACTERS
    assert shown.startswith("line 0 says something | line 1 says something")
    assert shown.endswith(f"whole text: {LINK}")
    kept = shown.count("says something")
    assert (f"{lines - kept} more lines" in shown) is (kept < lines)


def test_a_line_that_is_too_long_is_cut() -> None:
    shown = short_form("x" * 5000, LINK)
    assert len(shown) <= MAX_CHARACTERS
    assert "…" in shown
    assert LINK in shown


def test_nothing_to_say_says_so() -> None:
    assert short_form("\n\n", "") == "nothing changes"


def test_text_of_a_repository_is_no_variable_and_no_second_line() -> None:
    shown = short_form("a#{codepipeline.X}\x1b[31m\u202eb\rc", "")
    assert shown.isprintable()
    assert "#{" not in shown


def test_it_prints_one_line_for_the_files_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEBUILD_BUILD_URL", LINK)
    for name in ("permissions.txt", "review.md"):
        (tmp_path / name).write_text(f"from {name}\n", encoding="utf-8")
    assert main([str(tmp_path / "permissions.txt"), str(tmp_path / "review.md")]) == 0
    assert capsys.readouterr().out == (
        f"from permissions.txt | from review.md | whole text: {LINK}\n"
    )
