"""The second factor: asked after the password, taken once, replaced by a code of paper, required where it must be."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import connection
from django.test import Client

from accounts import second_factor, tries
from accounts.enums import JournalKind, Role
from accounts.models import JournalEntry, RecoveryCode, SecondFactor, User
from gap import incidents
from tests.processes import run_together

pytestmark = pytest.mark.django_db
PASSWORD = "une phrase assez longue"
NOW = 1_790_000_000


class Telephone:
    """What a telephone does with a secret, at the hour of the test's clock."""

    def __init__(self, secret: bytes) -> None:
        self._totp = TOTP(secret, 6, SHA1(), 30)

    def code(self, late_s: int = 0) -> str:
        return self._totp.generate(int(second_factor.time.time()) + late_s).decode()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The second factor's clock, moved by hand."""

    class Clock:
        at = NOW

        def time(self) -> int:
            return self.at

    found = Clock()
    monkeypatch.setattr(second_factor, "time", found)
    return found


@pytest.fixture
def user(person) -> User:
    found = person(Role.AGENT)
    found.set_password(PASSWORD)
    found.save()
    return found


@pytest.fixture
def telephone(user) -> Telephone:
    """A telephone in service; its first code was that of an hour ago."""
    second_factor.propose(user)
    factor = SecondFactor.objects.get(user=user)
    SecondFactor.objects.filter(pk=factor.pk).update(confirmed_at="2026-01-01T00:00Z", last_period=NOW // 30 - 120)
    return Telephone(bytes(factor.secret))


def give_password(client: Client, user: User, next_page: str = ""):
    return client.post("/connexion/", {"username": user.username, "password": PASSWORD, "next": next_page})


def give_code(client: Client, code: str):
    return client.post("/connexion/code/", {"code": code})


def is_in(client: Client) -> bool:
    return client.get("/listes/").status_code == 200


def test_the_password_alone_opens_nothing(client, user, telephone) -> None:
    assert give_password(client, user)["Location"] == "/connexion/code/"
    assert not is_in(client)
    assert client.get("/connexion/code/").status_code == 200


def test_the_code_opens_and_comes_back_to_the_page(client, user, telephone) -> None:
    give_password(client, user, "/listes/?tri=depuis")
    assert give_code(client, telephone.code())["Location"] == "/listes/?tri=depuis"
    assert is_in(client)
    entry = JournalEntry.objects.filter(kind=JournalKind.SESSION, user_id=user.pk).latest("pk")
    assert entry.action == "connexion" and entry.detail["factors"] == "mot de passe, code"


def test_a_code_typed_with_a_space_is_read(client, user, telephone) -> None:
    give_password(client, user)
    code = telephone.code()
    assert give_code(client, f" {code[:3]} {code[3:]} ").status_code == 302


def test_a_code_serves_once(user, telephone) -> None:
    code = telephone.code()
    first, second = Client(), Client()
    for client in (first, second):
        give_password(client, user)
    assert give_code(first, code).status_code == 302
    assert give_code(second, code).status_code == 422
    assert not is_in(second)


@pytest.mark.parametrize(("late_s", "taken"), [(-30, True), (30, True), (-60, False), (60, False)])
def test_a_telephone_may_be_one_period_early_or_late(late_s, taken, client, user, telephone) -> None:
    give_password(client, user)
    assert (give_code(client, telephone.code(late_s)).status_code == 302) is taken


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "'; drop table", "0" * 200])
def test_what_is_no_code_is_refused_in_words(typed, client, user, telephone) -> None:
    give_password(client, user)
    response = give_code(client, typed)
    assert response.status_code == 422 and 'aria-invalid="true"' in response.text
    assert not is_in(client)


def test_when_the_server_s_clock_is_wrong_it_says_so_and_a_code_of_paper_opens(
    client, user, telephone, settings, tmp_path
) -> None:
    codes = second_factor.renew_codes(user)
    settings.VAR_DIR = tmp_path
    give_password(client, user)
    assert "Attendez le suivant" in give_code(client, telephone.code(3600)).text
    incidents.report("clock", well=False)
    refused = give_code(client, telephone.code(3600)).text
    assert "L’heure du serveur est fausse" in refused and "code de secours" in refused
    assert give_code(client, codes[0]).status_code == 302 and is_in(client)


def test_five_wrong_codes_wait_even_for_the_right_one(client, user, telephone) -> None:
    give_password(client, user)
    for _ in range(tries.CODE.tries):
        give_code(client, "000000" if telephone.code() != "000000" else "000001")
    response = give_code(client, telephone.code())
    assert response.status_code == 422 and "Trop de codes faux" in response.text
    other = Client(REMOTE_ADDR="192.0.2.9")
    give_password(other, user)
    assert give_code(other, telephone.code()).status_code == 422, "from anywhere: it is the account that is tried"


def test_a_password_given_too_long_ago_is_asked_again(client, user, telephone, clock, monkeypatch) -> None:
    from accounts import views

    give_password(client, user)
    monkeypatch.setattr(views.time, "time", lambda: __import__("datetime").datetime.now().timestamp() + 301)
    assert give_code(client, telephone.code())["Location"] == "/connexion/"
    assert not is_in(client)


def test_a_code_without_a_password_opens_nothing(client, user, telephone) -> None:
    assert give_code(client, telephone.code())["Location"] == "/connexion/"
    assert not is_in(client)


# ---- setting it up ----


def enrolled(client: Client) -> list[str]:
    """Set a telephone up through the screens; the codes of paper that they show."""
    page = client.post("/compte/telephone/", {"password": PASSWORD}, follow=True)
    found = re.search(r'class="code">([A-Z2-7 ]+)<', page.text)
    assert found and 'src="data:image/svg+xml;base64,' in page.text
    text = found[1].replace(" ", "")
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    done = client.post("/compte/telephone/", {"code": Telephone(secret).code()})
    assert done.status_code == 200
    return re.findall(r"<li class=\"code\">([A-Z0-9]{5}-[A-Z0-9]{5})</li>", done.text)


def test_a_person_sets_it_up_and_gets_ten_codes_of_paper(client, user) -> None:
    client.force_login(user)
    codes = enrolled(client)
    assert len(set(codes)) == 10
    assert second_factor.of(user) is not None and second_factor.codes_left(user) == 10
    assert client.get("/compte/telephone/")["Location"] == "/compte/"


def test_a_wrong_first_code_puts_nothing_in_service(client, user) -> None:
    client.force_login(user)
    client.post("/compte/telephone/", {"password": PASSWORD})
    assert client.post("/compte/telephone/", {"code": "000000"}).status_code == 422
    assert second_factor.of(user) is None


def test_a_code_of_paper_serves_once_however_it_is_typed(client, user, clock) -> None:
    client.force_login(user)
    code = enrolled(client)[3]
    for turn, expected in ((0, 302), (1, 422)):
        other = Client()
        give_password(other, user)
        assert give_code(other, code.lower().replace("-", " ")).status_code == expected, turn
    assert second_factor.codes_left(user) == 9


def test_new_codes_of_paper_replace_the_old_ones(client, user) -> None:
    client.force_login(user)
    before = enrolled(client)
    after = re.findall(r"[A-Z0-9]{5}-[A-Z0-9]{5}", client.post("/compte/secours/", {"password": PASSWORD}).text)
    assert len(after) == 10 and not set(before) & set(after)
    other = Client()
    give_password(other, user)
    assert give_code(other, before[0]).status_code == 422
    assert give_code(other, after[0]).status_code == 302


def test_a_session_left_open_is_not_enough_to_set_up_a_telephone_nor_to_get_codes(client, user) -> None:
    client.force_login(user)
    for given in ({}, {"password": "celui d’un autre"}):
        assert client.post("/compte/telephone/", given).status_code == 422
    assert second_factor.proposed(user) is None
    codes = enrolled(client)
    for given in ({}, {"password": "celui d’un autre"}):
        page = client.post("/compte/secours/", given)
        assert page.status_code == 422 and not re.search(r"[A-Z0-9]{5}-[A-Z0-9]{5}", page.text)
    other = Client()
    give_password(other, user)
    assert give_code(other, codes[0]).status_code == 302


def test_neither_the_secret_nor_the_codes_are_in_the_database_in_clear(client, user) -> None:
    client.force_login(user)
    codes = enrolled(client)
    secret = bytes(SecondFactor.objects.get(user=user).secret)
    with connection.cursor() as cursor:
        cursor.execute("select secret from accounts_secondfactor")
        assert secret not in bytes(cursor.fetchone()[0])
    kept = " ".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not any(code.replace("-", "") in kept.upper() for code in codes)


# ---- where it is required ----


def test_nothing_opens_before_it_is_set_up_where_it_is_required(client, user, settings) -> None:
    settings.SECOND_FACTOR = "required"
    give_password(client, user)
    for path in ("/", "/listes/", "/recherche/", "/compte/"):
        assert client.get(path)["Location"] == "/compte/telephone/", path
    assert "Rien d’autre ne s’ouvre" in client.get("/compte/telephone/").text
    enrolled(client)
    assert client.get("/listes/").status_code == 200


def test_where_it_is_only_offered_the_password_is_enough(client, user) -> None:
    assert give_password(client, user)["Location"] == "/"
    assert is_in(client)


# ---- several at once ----

_SAME_CODE = """
from accounts import second_factor
from accounts.models import User
user = User.objects.get()
if os.environ.get("WITHOUT_LOCK"):
    from django.db.models import QuerySet
    QuerySet.select_for_update = lambda self, *a, **k: self
    kept = second_factor._takes
    second_factor._takes = lambda factor, code: kept(factor, code) and (time.sleep(0.5) or True)
print("taken" if second_factor.check(user, os.environ["CODE"]) else "refused")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("environment", "taken"), [({}, 1), ({"WITHOUT_LOCK": "1"}, 3)])
def test_one_code_given_by_three_at_once_opens_one_session(environment, taken, user, monkeypatch) -> None:
    import time as real

    monkeypatch.setattr(second_factor, "time", real)
    second_factor.propose(user)
    factor = SecondFactor.objects.get(user=user)
    SecondFactor.objects.update(confirmed_at="2026-01-01T00:00Z")
    # Not at the turn of a period.
    while int(real.time()) % 30 > 20:
        real.sleep(0.5)
    code = Telephone(bytes(factor.secret)).code()
    said = run_together(_SAME_CODE, 3, CODE=code, **environment)
    assert sum("taken" in one for one in said) == taken
