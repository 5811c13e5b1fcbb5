"""Where a browser is required, its absence is a failure; elsewhere it is said."""

from __future__ import annotations

import pytest

from tests.chromium import executable, launched


@pytest.fixture
def _no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_no_browser")
def test_without_a_browser_its_tests_are_skipped(monkeypatch) -> None:
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception):
        executable()


@pytest.mark.usefixtures("_no_browser")
def test_without_a_browser_that_is_required_its_tests_fail(monkeypatch) -> None:
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception):
        executable()


@pytest.mark.browser
def test_a_browser_within_a_browser_is_the_same_and_outlives_the_inner_block() -> None:
    with launched() as outer:
        with launched() as inner:
            assert inner is outer
        assert outer.is_connected()
