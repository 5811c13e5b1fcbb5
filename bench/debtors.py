"""From a card to its debtor, a debtor looked for as it is typed, the palmarès, a file of history read and applied: with the
tables of a large hospital, and a hundredth of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Establishment
from admissions.enums import StayKind
from admissions.events import SYSTEM
from admissions.models import Stay
from admissions.services import coverage, stays
from bench import imports, people
from bench.ground import gather_statistics
from bench.measure import Row, Sample, in_turns, within
from debtors.datamatrix import CardFields, Convention, encode, parse
from tests.factories import PatientFactory, UnitFactory

ASSOCIATIONS, DEBTORS, READINGS = 1_000_000, 20_000, 5_000_000
#: p95, in milliseconds.
SCAN_MS, SEARCH_MS, PALMARES_MS = 50, 100, 1_000
#: Numbers of ours, apart from those of the rest of the bench.
_FIRST = 3_000_000_000
#: Kinds of card that a month shows; a tenth of them are known to nobody.
_KINDS = 20_000

_SEED_DEBTORS = """
insert into debtors_debtor (kind, code, name, operator_id, amc_number, amo_regime, amo_fund, amo_centre, address,
  postcode, town, dre_address, dre_recipient, iban, multiple_centres, active, locked, version, created_at)
select 'AMC', 'B' || n, 'Mutuelle ' || (array['des Estuaires', 'du Rail', 'Solivie', 'Novaprev', 'Granit'])[1 + n %% 5]
  || ' ' || md5(n::text), null, lpad((%(first)s + n)::text, 10, '0'), '', '', '', n || ' rue du Port', '29200',
  (array['Brest', 'Nantes', 'Lille', 'Toulouse'])[1 + n %% 4] || ' ' || n %% 300, '', '', '', false, true, '{}', 0, now()
from generate_series(%(from)s + 1, %(to)s) n
"""
_SEED_ASSOCIATIONS = """
insert into debtors_datamatrixassociation (fingerprint, amc_number, convention, csr, domain, debtor_id, status,
  multiple_centres, valid_from, created_at, use_count, contested_count, version)
select md5(n::text) || md5(n::text || 'b'), lpad((%(first)s + n %% %(debtors)s + 1)::text, 10, '0'),
  (array['RO', 'AC', 'CM', 'MU'])[1 + n %% 4], lpad((n / %(debtors)s)::text, 9, '0'),
  (array['MCO', 'SMR', 'PSY', 'HAD'])[1 + (n / 7) %% 4], d.id, 'validated', false, '2020-01-01', now(), n %% 97, 0, 0
from generate_series(%(from)s + 1, %(to)s) n
join debtors_debtor d on d.code = 'B' || (n %% %(debtors)s + 1)
on conflict do nothing
"""
_SEED_READINGS = """
insert into admissions_cardreading (stay_id, establishment_id, month, fingerprint, amc_number, convention, csr, domain, read_at)
select n, %(here)s, date_trunc('month', now())::date - make_interval(months => (n %% 12)::int), '',
  lpad((case when k %% 10 = 0 then 9000000000 else %(first)s end + k %% %(debtors)s + 1)::text, 10, '0'), 'RO',
  lpad((k / %(debtors)s)::text, 9, '0'), 'MCO', now()
from (select n, (%(kinds)s * power((n::bigint * 7919 %% 1000003) / 1000003.0, 3))::bigint k
      from generate_series(%(from)s + 1, %(to)s) n) seen
"""
_COUNT = """
insert into admissions_cardtally (establishment_id, month, fingerprint, amc_number, convention, csr, domain, stays, amount)
select establishment_id, month, fingerprint, amc_number, convention, csr, domain, count(*), count(*) * 41.5
from admissions_cardreading where establishment_id = %(here)s group by 1, 2, 3, 4, 5, 6, 7
"""


def rows(rounds: int, size: float = 1.0) -> list[Row]:
    """The same measures at a hundredth of `size`, then at `size` (1: the tables above)."""
    referent = people.colleague(Role.REFERENT)
    here = referent.establishment
    assert here is not None
    unit = UnitFactory(establishment=here)
    client = Client(SERVER_NAME="localhost")
    client.force_login(referent)
    small = _Tables(here.pk, size / 100)
    small.grow_from(_Tables(here.pk, 0))
    few = _measured(rounds, client, unit, small)
    whole = _Tables(here.pk, size)
    whole.grow_from(small)
    many = _measured(rounds, client, unit, whole)
    goals = (("scan → débiteur choisi, sans réseau", SCAN_MS), ("débiteur cherché à la frappe", SEARCH_MS),
             ("palmarès d’un mois", PALMARES_MS))  # fmt: skip
    measured = [_grown(name, after, before, most) for (name, most), after, before in zip(goals, many, few, strict=True)]
    return [*measured, imports.row(size)]


class _Tables:
    """How many rows of each kind, and the way from one size to the next."""

    def __init__(self, here: int, size: float) -> None:
        self.here = here
        self.debtors, self.associations, self.readings = (
            max(int(count * size), 10 if size else 0) for count in (DEBTORS, ASSOCIATIONS, READINGS)
        )

    def grow_from(self, former: _Tables) -> None:
        with connection.cursor() as cursor:
            # A bulk of the bench: no journal, no tally row by row; a stay that is a number is enough here.
            cursor.execute("set session_replication_role = replica")
            for text, least, most in (
                (_SEED_DEBTORS, former.debtors, self.debtors),
                (_SEED_ASSOCIATIONS, former.associations, self.associations),
                (_SEED_READINGS, former.readings, self.readings),
            ):
                cursor.execute(
                    text,
                    {
                        "first": _FIRST,
                        "from": least,
                        "to": most,
                        "debtors": self.debtors,
                        "here": self.here,
                        "kinds": _KINDS,
                    },
                )
            cursor.execute("delete from admissions_cardtally where establishment_id = %s", [self.here])
            cursor.execute(_COUNT, {"here": self.here})
            cursor.execute("set session_replication_role = origin")
        gather_statistics()


def _measured(rounds: int, client: Client, unit: object, tables: _Tables) -> list[Sample]:
    return in_turns(rounds, [_scan(rounds, unit, tables), _search(client, tables), _palmares(client)])


def _scan(rounds: int, unit: object, tables: _Tables) -> Callable[[int], object]:
    """A card never seen, of each of the rules in turn: its kind is known, its convention, its AMC, nothing of it."""
    texts = [_card(tables, number) for number in range(-2, rounds)]
    open_stays = [_stay(unit) for _ in texts]

    def scan(number: int) -> object:
        outcome = coverage.read_card(open_stays[number + 2], parse(texts[number + 2]), "douchette", SYSTEM)
        assert (outcome.coverage is None) == (number % 4 == 3)
        return outcome

    return scan


def _card(tables: _Tables, number: int) -> str:
    n = 28 * (number + 3)
    known = f"{_FIRST + n % tables.debtors + 1:010d}"
    convention, csr = ("RO", "AC", "CM", "MU")[n % 4], f"{n // tables.debtors:09d}"
    amc, kind, route = [
        (known, convention, csr),
        (known, convention, "999999999"),
        (known, "ZZ", "999999999"),
        (f"{8_000_000_000 + number:010d}", "RO", ""),
    ][number % 4]
    fields = CardFields(amc_number=amc, conventions=(Convention(kind),), csr=route, member_number=f"{number + 10:08d}")
    return encode(fields)


def _stay(unit: object) -> Stay:
    plan = stays.StayPlan(kind=StayKind.FULL, unit=unit, planned_start_at=timezone.now())  # type: ignore[arg-type]
    here: Establishment = unit.establishment  # type: ignore[attr-defined]
    return stays.preadmit(PatientFactory(), here, plan, SYSTEM)


def _search(client: Client, tables: _Tables) -> Callable[[int], object]:
    texts = cycle(
        ["estuaires", "novap", f"{_FIRST + tables.debtors // 2:010d}"[3:], "toulouse 12", "rail", "zzz introuvable"]
    )
    address = reverse("debtors:choices")

    def search(_number: int) -> object:
        answer = client.get(address, {"recherche": next(texts)})
        assert answer.status_code == 200
        return answer

    return search


def _palmares(client: Client) -> Callable[[int], object]:
    address = reverse("worklists:palmares")

    def look(number: int) -> object:
        answer = client.get(address, {"tri": ("sejours", "montant")[number % 2]})
        assert answer.status_code == 200
        return answer

    return look


def _grown(name: str, sample: Sample, former: Sample, most_ms: float) -> Row:
    row = within(name, sample, most_ms)
    return Row(
        row.name, row.n, row.median, row.p95, baseline="à 1 %", baseline_median=former.median,
        ratio=sample.median / former.median, goal=row.goal, held=row.held,
    )  # fmt: skip
