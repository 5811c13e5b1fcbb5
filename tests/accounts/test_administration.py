"""Accounts administered: of one establishment, by somebody who still may, who never leaves it without an administrator."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts import administration, quick_access, sessions
from accounts.administration import Grant, RefusedError
from accounts.enums import JournalKind, Role
from accounts.models import ApiClient, Invitation, JournalEntry, QuickAccess, RoleAssignment, Session, User
from admissions.models import Unit
from tests.accounts.test_locking import PASSWORD, opened
from tests.factories import EstablishmentFactory
from tests.processes import run_together
from worklists.models import Assignment

pytestmark = pytest.mark.django_db
NEW = "une phrase que moi seule connais"


@pytest.fixture
def admin(person) -> User:
    return person(Role.ADMINISTRATOR, last_name="Kerdreux")


@pytest.fixture
def desk(admin) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def colleague(person) -> User:
    user = person(Role.AGENT, last_name="Le Bris", first_name="Maëlle")
    user.set_password(PASSWORD)
    user.save()
    return user


def today(days: int = 0) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def code_on(response) -> str:
    found = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", response.text)
    assert found, response.text[:500]
    return found[0]


def told(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def welcome(username: str, code: str, password: str = NEW, again: str = "") -> object:
    data = {"username": username, "code": code, "password": password, "again": again or password}
    return Client().post("/bienvenue/", data)


# ---- who is seen ----


def test_the_list_shows_the_people_of_the_establishment_and_nobody_elses(desk, colleague, admin) -> None:
    other = EstablishmentFactory(finess_site="290000025", name="CH d’Ailleurs")
    User.objects.create_user("elsewhere", last_name="Quemener", establishment=other)
    page = desk.get("/comptes/").text
    assert "Le Bris" in page and "Quemener" not in page
    assert "Quemener" not in desk.post("/comptes/", {"q": "Que"}).text
    assert "Quemener" not in b"".join(desk.get("/comptes/revue.csv")).decode()


def test_the_list_is_searched_without_a_name_in_the_address_and_filtered_by_role(desk, colleague, person) -> None:
    person(Role.CASHIER, last_name="Abgrall")
    found = desk.post("/comptes/", {"q": "le b"})
    assert "Le Bris" in found.text and "Abgrall" not in found.text
    assert "Abgrall" not in desk.get("/comptes/?role=agent").text
    assert "Abgrall" in desk.get("/comptes/?role=cashier").text
    assert desk.get("/comptes/?role=nothing&etat=x&page=99").status_code == 200


def test_an_account_nobody_opened_for_ninety_days_is_shown_dormant(desk, colleague, person) -> None:
    person(Role.CASHIER, last_name="Abgrall")
    User.objects.filter(pk=colleague.pk).update(last_login=timezone.now() - dt.timedelta(days=91))
    page = desk.get("/comptes/?etat=dormants").text
    assert "Le Bris" in page and "Abgrall" not in page and "Dormant" in page
    User.objects.filter(pk=colleague.pk).update(last_login=timezone.now() - dt.timedelta(days=89))
    assert "Le Bris" not in desk.get("/comptes/?etat=dormants").text


def test_the_list_asks_as_many_queries_for_many_as_for_one(desk, person, django_assert_max_num_queries) -> None:
    for _ in range(12):
        person(Role.AGENT)
    with django_assert_max_num_queries(12):
        desk.get("/comptes/")


# ---- a colleague arrives ----


def test_a_new_colleague_chooses_their_own_password(desk, admin) -> None:
    data = {"last_name": "Riou", "first_name": "Anna", "username": "a.riou", "role": "agent", "services": "3120 3121"}
    code = code_on(desk.post("/comptes/nouveau/", data))
    made = User.objects.get(username="a.riou")
    assert (made.establishment, made.has_usable_password()) == (admin.establishment, False)
    assert RoleAssignment.objects.get(user=made).services == ["3120", "3121"]
    assert code.replace("-", "") not in Invitation.objects.get().digest
    assert welcome("a.riou", code.lower())["Location"] == "/connexion/"
    client = Client()
    assert client.post("/connexion/", {"username": "a.riou", "password": NEW}).status_code == 302
    assert welcome("a.riou", code).status_code == 422, "a code serves once"
    entry = JournalEntry.objects.get(kind=JournalKind.ADMIN, action="compte créé")
    assert (entry.user_id, entry.object_id) == (admin.pk, made.pk)


def test_a_code_serves_a_day(desk, colleague) -> None:
    code = code_on(desk.post(f"/comptes/{colleague.pk}/code/", {"reason": "mot de passe perdu"}))
    left = Invitation.objects.get().until - timezone.now()
    assert dt.timedelta(hours=23, minutes=59) < left <= dt.timedelta(hours=24)
    Invitation.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    refused = welcome(colleague.username, code)
    assert refused.status_code == 422 and "demandez un nouveau code" in refused.text


def test_five_wrong_codes_wait_even_for_the_right_one(desk, colleague) -> None:
    code = code_on(desk.post(f"/comptes/{colleague.pk}/code/", {"reason": "mot de passe perdu"}))
    for _ in range(5):
        assert welcome(colleague.username, "AAAA-AAAA-AAAA").status_code == 422
    assert welcome(colleague.username, code).status_code == 422


def test_a_weak_password_is_refused_and_the_code_still_serves(desk, colleague) -> None:
    code = code_on(desk.post(f"/comptes/{colleague.pk}/code/", {"reason": "mot de passe perdu"}))
    assert welcome(colleague.username, code, "court").status_code == 422
    assert welcome(colleague.username, code, NEW, "autre chose").status_code == 422
    assert welcome(colleague.username, code).status_code == 302


def test_a_new_code_ends_the_old_password_and_its_sessions(desk, colleague) -> None:
    client = opened(colleague)
    desk.post(f"/comptes/{colleague.pk}/code/", {"reason": "mot de passe perdu"})
    assert client.get("/listes/").status_code == 302
    assert Client().post("/connexion/", {"username": colleague.username, "password": PASSWORD}).status_code == 422


def test_a_name_that_is_taken_is_told(desk, colleague) -> None:
    data = {"last_name": "X", "first_name": "Y", "username": colleague.username.upper(), "role": "agent"}
    page = desk.post("/comptes/nouveau/", data)
    assert page.status_code == 422 and "déjà pris" in page.text and 'value="X"' in page.text


# ---- roles ----


def test_a_role_has_its_days(desk, colleague) -> None:
    days = {"since": f"{today(1):%d/%m/%Y}", "until": f"{today(9):%d/%m/%Y}"}
    desk.post(f"/comptes/{colleague.pk}/role/", {"role": "cashier", "services": "3120", **days})
    given = RoleAssignment.objects.get(user=colleague, role="cashier")
    assert (given.since, given.until, given.services) == (today(1), today(9), ["3120"])
    for since, until, held in ((1, 9, False), (0, 0, True), (-9, -1, False), (-1, None, True)):
        RoleAssignment.objects.filter(pk=given.pk).update(
            since=today(since), until=(until is not None and today(until)) or None
        )
        assert ("cashier" in User.objects.get(pk=colleague.pk).roles) is held, (since, until)


def test_a_role_that_ends_before_it_starts_is_refused(desk, colleague) -> None:
    page = desk.post(
        f"/comptes/{colleague.pk}/role/",
        {"role": "cashier", "since": f"{today(2):%d/%m/%Y}", "until": f"{today(1):%d/%m/%Y}"},
        follow=True,
    )
    assert "finirait avant de commencer" in told(page)
    assert not RoleAssignment.objects.filter(user=colleague, role="cashier").exists()


def test_a_role_is_taken_at_once(desk, colleague) -> None:
    client = opened(colleague)
    assert client.get("/recherche/").status_code == 200
    desk.post(f"/comptes/{colleague.pk}/role/retirer/", {"role": "agent"})
    assert client.get("/recherche/").status_code == 403
    entry = JournalEntry.objects.filter(object_type="accounts_roleassignment").latest("pk")
    assert entry.action.endswith("delete")


@pytest.mark.parametrize(
    "bad", [{"role": "roi"}, {"role": "agent", "services": "'; drop"}, {"role": "agent", "since": "32/13"}]
)
def test_what_is_no_role_is_told(bad, desk, colleague) -> None:
    before = list(RoleAssignment.objects.values_list("pk", "role"))
    assert desk.post(f"/comptes/{colleague.pk}/role/", bad).status_code == 422
    assert list(RoleAssignment.objects.values_list("pk", "role")) == before


def test_nobody_gives_themselves_a_role_nor_takes_away_their_own(desk, admin, person) -> None:
    person(Role.ADMINISTRATOR)
    for path, data in (
        ("role/", {"role": "auditor"}),
        ("role/retirer/", {"role": "administrator"}),
        ("fermer/", {"reason": "je m’en vais"}),
        ("code/", {"reason": "pour moi"}),
    ):
        assert "Personne ne" in told(desk.post(f"/comptes/{admin.pk}/{path}", data, follow=True)), path
    fresh = User.objects.get(pk=admin.pk)
    assert fresh.is_active and fresh.roles == {"administrator"}


def test_nothing_is_done_to_somebody_of_elsewhere(desk, admin, colleague) -> None:
    other = EstablishmentFactory(finess_site="290000025", name="CH d’Ailleurs")
    User.objects.filter(pk=colleague.pk).update(establishment=other)
    assert desk.get(f"/comptes/{colleague.pk}/").status_code == 404
    with pytest.raises(RefusedError, match="autre établissement"):
        administration.give_role(admin, User.objects.get(pk=colleague.pk), Grant(Role.AUDITOR))
    with pytest.raises(RefusedError, match="autre établissement"):
        administration.deactivate(admin, User.objects.get(pk=colleague.pk), "essai")


def test_a_role_of_elsewhere_is_neither_shown_nor_touched(desk, colleague) -> None:
    other = EstablishmentFactory(finess_site="290000025", name="CH d’Ailleurs")
    RoleAssignment.objects.create(user=colleague, establishment=other, role=Role.AUDITOR)
    assert "Contrôle des accès</td>" not in desk.get(f"/comptes/{colleague.pk}/").text
    desk.post(f"/comptes/{colleague.pk}/role/retirer/", {"role": "auditor"})
    assert RoleAssignment.objects.filter(user=colleague, establishment=other).exists()


def test_an_administrator_who_is_one_no_more_does_nothing(admin, colleague) -> None:
    RoleAssignment.objects.filter(user=admin).update(until=today(-1))
    with pytest.raises(RefusedError, match="n’administrez plus"):
        administration.give_role(admin, colleague, Grant(Role.AUDITOR))


def test_the_last_lasting_administrator_stays(admin, person) -> None:
    second = person(Role.ADMINISTRATOR)
    RoleAssignment.objects.filter(user=admin).update(until=today(30))
    for act in (
        lambda: administration.take_role(admin, second, Role.ADMINISTRATOR),
        lambda: administration.deactivate(admin, second, "départ"),
        lambda: administration.give_role(admin, second, Grant(Role.ADMINISTRATOR, until=today(5))),
        lambda: administration.give_role(admin, second, Grant(Role.ADMINISTRATOR, since=today(5))),
    ):
        with pytest.raises(RefusedError, match="plus d’administrateur"):
            act()
    fresh = User.objects.get(pk=second.pk)
    assert fresh.is_active and fresh.roles == {"administrator"}


# ---- leaving, losing ----


def test_a_closed_account_opens_nothing_at_once_and_programs_go_on(desk, colleague, api, establishment) -> None:
    client, program = opened(colleague), api()
    quick_access.set_pin(colleague, "4917")
    Assignment.objects.create(worklist="x", object_id=1, assignee=colleague, assigned_by=colleague)
    page = desk.post(f"/comptes/{colleague.pk}/fermer/", {"reason": "fin de contrat"}, follow=True)
    assert "Lignes de travail qui lui restent affectées\u00a0: 1" in told(page)
    assert client.get("/listes/").status_code == 302
    assert (
        not Session.objects.filter(user=colleague).exists() and not QuickAccess.objects.filter(user=colleague).exists()
    )
    assert client.post("/poste/", {"name": colleague.username, "secret": "4917"}).status_code == 422
    assert Client().post("/connexion/", {"username": colleague.username, "password": PASSWORD}).status_code == 422
    assert program.get("/api/v1/stays").status_code == 200 and ApiClient.objects.get().active
    entry = JournalEntry.objects.get(kind=JournalKind.ADMIN, action="compte fermé")
    assert entry.reason == "fin de contrat"


def test_a_closed_account_is_opened_again_with_a_new_code(desk, colleague) -> None:
    desk.post(f"/comptes/{colleague.pk}/fermer/", {"reason": "fin de contrat"})
    code = code_on(desk.post(f"/comptes/{colleague.pk}/rouvrir/"))
    assert Client().post("/connexion/", {"username": colleague.username, "password": PASSWORD}).status_code == 422
    assert welcome(colleague.username, code).status_code == 302


def test_a_code_of_a_closed_account_serves_nobody(desk, colleague) -> None:
    code = code_on(desk.post(f"/comptes/{colleague.pk}/code/", {"reason": "mot de passe perdu"}))
    desk.post(f"/comptes/{colleague.pk}/fermer/", {"reason": "fin de contrat"})
    assert welcome(colleague.username, code).status_code == 422


def test_a_lost_telephone_is_taken_away_with_a_reason(desk, colleague) -> None:
    from accounts.models import SecondFactor

    SecondFactor.objects.create(user=colleague, secret=b"x" * 20, confirmed_at=timezone.now())
    assert desk.post(f"/comptes/{colleague.pk}/telephone/", {"reason": ""}).status_code == 422
    assert SecondFactor.objects.exists()
    desk.post(f"/comptes/{colleague.pk}/telephone/", {"reason": "téléphone volé"})
    assert not SecondFactor.objects.exists()
    entry = JournalEntry.objects.filter(object_type="accounts_secondfactor").latest("pk")
    assert entry.reason == "téléphone volé"


def test_sessions_are_ended_and_the_last_sign_ins_are_shown(desk, colleague) -> None:
    client = opened(colleague)
    page = desk.get(f"/comptes/{colleague.pk}/").text
    assert "Sessions ouvertes\u00a0: 1" in page and "connexion</td>" in page
    desk.post(f"/comptes/{colleague.pk}/sessions/")
    assert client.get("/listes/").status_code == 302 and sessions.end_all(colleague) == 0


def test_the_review_says_who_has_what(desk, colleague, admin) -> None:
    Unit.objects.filter(establishment=admin.establishment)
    RoleAssignment.objects.filter(user=colleague).update(services=["3120"], until=today(3))
    User.objects.create_user("without.role", last_name="Sans", establishment=admin.establishment)
    text = b"".join(desk.get("/comptes/revue.csv")).decode("utf-8-sig")
    rows = {row["Identifiant"]: row for row in csv.DictReader(io.StringIO(text), delimiter=";")}
    mine = rows[colleague.username]
    assert (mine["Rôle"], mine["Services"], mine["Au"]) == ("agent d’accueil", "3120", f"{today(3):%d/%m/%Y}")
    assert rows["without.role"]["Rôle"] == "aucun" and rows[admin.username]["Services"] == "tous"
    assert desk.get("/comptes/revue.xlsx").status_code == 200
    assert desk.get("/comptes/revue.exe").status_code == 404
    assert JournalEntry.objects.filter(kind=JournalKind.EXPORT, user_id=admin.pk).exists()


# ---- at once ----

_EACH_OTHER = """
from accounts import administration
from accounts.enums import Role
from accounts.models import Establishment, User
if os.environ.get("WITHOUT"):
    administration._hold = lambda by: Establishment.objects.get(pk=by.establishment_id)
    kept = administration._standing
    class Slow:
        def __init__(self, here):
            self.found = kept(here).exists()
            time.sleep(3)
        def exists(self):
            return self.found
    administration._standing = Slow
one, two = User.objects.order_by("pk")
by, whom = (one, two) if rank == 0 else (two, one)
try:
    administration.take_role(by, whom, Role.ADMINISTRATOR)
    print("done")
except administration.RefusedError as refused:
    print("refused", refused)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("environment", "left"), [({"WITHOUT": "1"}, 0), ({}, 1)])
def test_two_administrators_who_remove_each_other_at_once_leave_one(environment, left, person) -> None:
    for _ in range(2):
        person(Role.ADMINISTRATOR)
    said = run_together(_EACH_OTHER, 2, **environment)
    assert RoleAssignment.objects.count() == left, said
    assert said.count("done") == 2 - left, said
