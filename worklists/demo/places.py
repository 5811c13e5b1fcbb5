"""What a hospital has before its first patient: its site, its units, its payers and its staff."""

from __future__ import annotations

from accounts.models import Establishment, RoleAssignment, User
from admissions.models import Unit
from debtors.enums import DebtorKind
from debtors.models import Debtor, Operator
from worklists.demo.catalogue import funds, payers, staff, units

NAME = "CH de Valmont"
# Department 99 has no hospital: the numbers have a right key and nobody's.
FINESS_LEGAL = "990000010"
FINESS_SITE = "990000028"


def demonstration() -> Establishment | None:
    """The establishment of the demonstration, if this database has it."""
    return Establishment.objects.filter(finess_site=FINESS_SITE).first()


def build() -> Establishment:
    """Create the site, its units, debtors and staff."""
    establishment = Establishment.objects.create(name=NAME, finess_legal=FINESS_LEGAL, finess_site=FINESS_SITE)
    Unit.objects.bulk_create(
        Unit(establishment=establishment, code=row.code, name=row.name, domain=row.domain, tariff_code=row.tariff_code)
        for row in units()
    )
    _debtors()
    _staff(establishment)
    return establishment


def _debtors() -> None:
    Debtor.objects.bulk_create(
        Debtor(
            kind=DebtorKind.AMO,
            code=row.code,
            name=row.name,
            amo_regime=row.regime,
            amo_fund=row.fund,
            amo_centre=row.centre,
            postcode=row.postcode,
            town=row.town,
        )
        for row in funds()
    )
    names = sorted({payer.operator for payer in payers()})
    operators = {row.name: row for row in Operator.objects.bulk_create(Operator(name=name) for name in names)}
    Debtor.objects.bulk_create(
        Debtor(
            kind=DebtorKind.AMC,
            code=code,
            name=name,
            operator=operators[payer.operator],
            amc_number=payer.number,
            # Only the town is known at first: the rest comes with the first engagement.
            postcode=payer.postcode,
            town=payer.town,
            multiple_centres=len(payer.centres) > 1,
        )
        for payer in payers()
        for code, name in payer.centres
    )


def _staff(establishment: Establishment) -> None:
    for row in staff():
        user = User(
            username=row.username, first_name=row.first_name, last_name=row.last_name, establishment=establishment
        )
        user.set_unusable_password()
        user.save()
        RoleAssignment.objects.create(user=user, establishment=establishment, role=row.role)
