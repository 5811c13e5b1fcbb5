"""What is away and changes somebody's work stands at the top of every page, in words of that work."""

from __future__ import annotations

import pytest
from django.urls import reverse

from gap import incidents
from tests.admissions.desk import desk as desk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def here(settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path


@pytest.mark.parametrize("name", list(incidents.FOR_PEOPLE))
def test_it_is_said_while_it_lasts(name, desk) -> None:
    incidents.report(name, well=False)
    page = desk.get(reverse("admissions:arrivals")).text
    assert 'class="trouble"' in page and incidents.FOR_PEOPLE[name] in page
    incidents.report(name, well=True)
    assert 'class="trouble"' not in desk.get(reverse("admissions:arrivals")).text


def test_what_changes_nothing_for_them_is_told_to_the_machine_s_keepers_alone(desk) -> None:
    for name in set(incidents.SAID) - set(incidents.FOR_PEOPLE):
        incidents.report(name, well=False)
    assert 'class="trouble"' not in desk.get(reverse("admissions:arrivals")).text


def test_nobody_who_has_not_signed_in_is_told(client) -> None:
    incidents.report("redis", well=False)
    assert 'class="trouble"' not in client.get(reverse("accounts:sign-in")).text


def test_where_no_file_can_be_made_it_is_said_too(desk, settings, monkeypatch) -> None:
    from pathlib import Path

    monkeypatch.setattr(incidents, "_here", set())
    settings.VAR_DIR = Path("/proc/nowhere")
    incidents.report("room", well=False)
    assert incidents.FOR_PEOPLE["room"] in desk.get(reverse("admissions:arrivals")).text


def test_what_stands_in_that_folder_by_another_name_is_nothing(desk, tmp_path) -> None:
    (tmp_path / "incidents").mkdir()
    (tmp_path / "incidents" / "<b>redis").touch()
    assert incidents.current() == frozenset()
