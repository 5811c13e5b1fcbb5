"""Where a browser is required, its absence is a failure; elsewhere it is said."""

from __future__ import annotations

import pytest

from tests.chromium import executable


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_a_browser_its_tests_are_skipped(monkeypatch) -> None:
    monkeypatch.delenv("REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception):
        executable()


def test_without_a_browser_that_is_required_its_tests_fail(monkeypatch) -> None:
    monkeypatch.setenv("REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception):
        executable()
