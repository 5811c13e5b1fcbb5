"""A secret passes to the next without a stop: two valid at once, never three; and what is ended is ended at once."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts import client_secrets, tokens
from accounts.enums import Scope
from accounts.models import ApiClient, ApiSecret, ApiToken, JournalEntry
from tests.accounts.test_oauth import ask, basic, grant, session_actions, use
from tests.processes import run_together


def make(establishment) -> ApiClient:
    return ApiClient.objects.create(name="laboratoire", establishment=establishment, scopes=[Scope.PATIENTS_READ.value])


@pytest.fixture
def program(establishment) -> ApiClient:
    return make(establishment)


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_both_serve_during_the_passage_and_the_new_one_after(self, program) -> None:
        old = client_secrets.rotate(program).secret
        made = client_secrets.rotate(program, overlap=dt.timedelta(hours=2))
        assert grant(program, old).status_code == grant(program, made.secret).status_code == 200
        with time_machine.travel(timezone.now() + dt.timedelta(hours=2, seconds=1), tick=False):
            assert grant(program, old).status_code == 401
            assert grant(program, made.secret).status_code == 200

    def test_a_third_is_refused_until_the_first_has_ended(self, program) -> None:
        first = client_secrets.rotate(program).secret
        client_secrets.rotate(program, overlap=dt.timedelta(hours=1))
        with pytest.raises(client_secrets.RotationUnderWay):
            client_secrets.rotate(program)
        assert grant(program, first).status_code == 200
        with time_machine.travel(timezone.now() + dt.timedelta(hours=2), tick=False):
            third = client_secrets.rotate(program)
            assert grant(program, third.secret).status_code == 200
        assert ApiSecret.objects.count() == 2

    def test_the_passage_never_makes_a_secret_last_longer(self, program) -> None:
        client_secrets.rotate(program)
        ApiSecret.objects.update(expires_at=timezone.now() + dt.timedelta(minutes=5))
        made = client_secrets.rotate(program, overlap=dt.timedelta(days=30))
        assert made.previous_until is not None and made.previous_until < timezone.now() + dt.timedelta(minutes=6)

    def test_a_secret_that_was_lost_gives_its_place_only_if_it_never_served(self, program) -> None:
        old = client_secrets.rotate(program).secret
        lost = client_secrets.rotate(program).secret
        kept = client_secrets.rotate(program, replace_unused=True).secret
        assert grant(program, lost).status_code == 401
        assert grant(program, old).status_code == grant(program, kept).status_code == 200
        with pytest.raises(client_secrets.RotationUnderWay):
            client_secrets.rotate(program, replace_unused=True)

    def test_at_once_ends_the_secrets_and_every_token(self, program) -> None:
        old = client_secrets.rotate(program).secret
        token = grant(program, old).json()["access_token"]
        made = client_secrets.rotate(program, at_once=True)
        assert use(token).status_code == 401 and grant(program, old).status_code == 401
        assert grant(program, made.secret).status_code == 200

    def test_a_secret_ends_by_itself(self, program, settings) -> None:
        settings.SECRET_DAYS = 1
        secret = client_secrets.rotate(program).secret
        with time_machine.travel(timezone.now() + dt.timedelta(days=1, seconds=1), tick=False):
            assert grant(program, secret).status_code == 401

    def test_its_last_use_is_seen(self, program) -> None:
        secret = client_secrets.rotate(program).secret
        assert ApiSecret.objects.get().last_used_at is None
        grant(program, "faux")
        assert ApiSecret.objects.get().last_used_at is None
        grant(program, secret)
        assert ApiSecret.objects.get().last_used_at is not None

    def test_the_database_refuses_a_third(self, program) -> None:
        later = timezone.now() + dt.timedelta(days=1)
        for slot in (1, 2):
            ApiSecret.objects.create(client=program, slot=slot, digest=str(slot), expires_at=later)
        for slot in (1, 3):
            with pytest.raises(IntegrityError), transaction.atomic():
                ApiSecret.objects.create(client=program, slot=slot, digest="x", expires_at=later)

    def test_the_journal_says_that_a_secret_changed_and_not_what_it_is(self, program) -> None:
        client_secrets.rotate(program)
        entry = JournalEntry.objects.filter(object_type="accounts_apisecret").get()
        assert entry.detail["digest"] == ["•", "•"] and ApiSecret.objects.get().digest not in str(entry.detail)

    def test_a_program_renews_its_secret_by_the_one_it_has(self, program) -> None:
        old = client_secrets.rotate(program).secret
        body = ask("", basic(program, old), "secret").json()
        assert grant(program, body["client_secret"]).status_code == grant(program, old).status_code == 200
        assert body["client_id"] == str(program.client_id) and body["previous_until"]
        under_way = ask("", basic(program, old), "secret")
        assert (under_way.status_code, under_way.json()["error"]) == (409, "rotation_under_way")
        assert session_actions()[0] == "secret renouvelé"

    def test_a_token_renews_no_secret(self, program) -> None:
        token = grant(program, client_secrets.rotate(program).secret).json()["access_token"]
        assert ask("", {"authorization": f"Bearer {token}"}, "secret").status_code == 401
        assert ApiSecret.objects.count() == 1

    def test_the_command_shows_the_secret_and_tells_a_passage_under_way(self, program, capsys) -> None:
        call_command("rotate_api_secret", program.name)
        shown = capsys.readouterr().out
        secret = next(line.split()[1] for line in shown.splitlines() if line.startswith("client_secret"))
        assert grant(program, secret).status_code == 200
        call_command("rotate_api_secret", program.name, overlap=1)
        with pytest.raises(CommandError, match="Deux secrets valent déjà"):
            call_command("rotate_api_secret", program.name)
        with pytest.raises(CommandError, match="Aucun logiciel"):
            call_command("rotate_api_secret", "personne")


def until(happened: Callable[[], bool]) -> None:
    """Wait for it, 30 s at most: a machine may be busy."""
    latest = time.monotonic() + 30
    while not happened() and time.monotonic() < latest:
        time.sleep(0.02)


ROTATE = """
from accounts import client_secrets
from accounts.models import ApiClient
try:
    with transaction.atomic():
        made = client_secrets.rotate(ApiClient.objects.get())
        time.sleep(0.3)
    print(made.secret)
except client_secrets.RotationUnderWay:
    print("under way")
"""


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def test_of_two_processes_that_rotate_one_does_and_the_secret_in_use_stays(self, establishment) -> None:
        program = make(establishment)
        used = client_secrets.rotate(program).secret
        said = run_together(ROTATE, 2)
        (drawn,) = [line for line in said if line != "under way"]
        assert said.count("under way") == 1
        assert grant(program, used).status_code == grant(program, drawn).status_code == 200

    def test_a_token_revoked_while_it_is_in_use_opens_nothing_that_begins_after(self, establishment) -> None:
        program = make(establishment)
        secret = client_secrets.rotate(program).secret
        token = grant(program, secret).json()["access_token"]
        seen: list[tuple[float, int]] = []
        stop = threading.Event()

        def reads() -> None:
            while not stop.is_set():
                begun = time.monotonic()
                seen.append((begun, use(token).status_code))
            connections.close_all()

        readers = [threading.Thread(target=reads) for _ in range(3)]
        for reader in readers:
            reader.start()
        until(lambda: len(seen) > 3)
        assert ask(f"token={token}", basic(program, secret), "revoke").status_code == 200
        ended = time.monotonic()
        until(lambda: sum(begun >= ended for begun, _ in list(seen)) > 3)
        stop.set()
        for reader in readers:
            reader.join(10)
        before = [status for begun, status in seen if begun < ended]
        after = [status for begun, status in seen if begun >= ended]
        assert 200 in before and len(after) > 3
        assert set(after) == {401}

    def test_no_token_is_given_by_a_secret_that_is_being_ended(self, establishment) -> None:
        """The grant waits for the rotation that takes its secret away, then finds it gone."""
        program = make(establishment)
        secret = client_secrets.rotate(program).secret
        answers: list[int] = []

        def asks() -> None:
            answers.append(grant(program, secret).status_code)
            connections.close_all()

        asking = threading.Thread(target=asks)
        with transaction.atomic():
            client_secrets.rotate(program, at_once=True)
            asking.start()
            time.sleep(0.5)
            assert answers == []
        asking.join(10)
        assert answers == [401] and not ApiToken.objects.exists()
        assert tokens.sweep() == 0
