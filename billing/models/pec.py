"""Prise en charge (PEC): what a payer out of reach by ROC agrees to pay of a stay, asked and answered by letter."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import F, Q

from accounts.models import ApiClient
from admissions.events import Actor
from admissions.models import Coverage, Stay
from billing.enums import PAYING, AgreementAct, AgreementEnd, AgreementState, Covered
from debtors.models import Debtor


class Agreement(models.Model):
    """One prise en charge of a stay by one coverage. PostgreSQL holds its steps, and that a closed one stays as it is."""

    stay = models.ForeignKey(Stay, on_delete=models.PROTECT, related_name="agreements")
    coverage = models.ForeignKey(Coverage, on_delete=models.PROTECT)
    debtor = models.ForeignKey(Debtor, verbose_name="débiteur", on_delete=models.PROTECT)
    state = models.CharField("état", max_length=14, choices=AgreementState.choices, default=AgreementState.TO_ASK)
    #: Given by the payer with its answer.
    number = models.CharField("n° de prise en charge", max_length=30, blank=True)
    opened_at = models.DateTimeField("ouverte le")
    requested_at = models.DateTimeField("demandée le", null=True)
    #: When silence is too long, or «tacite» where the rule says so.
    remind_at = models.DateTimeField("à relancer le", null=True)
    reminders = models.PositiveSmallIntegerField("relances", default=0)
    answered_at = models.DateTimeField("répondue le", null=True)
    #: The payer wrote, and nobody has typed what it says: it is silent no more.
    unread_since = models.DateTimeField("courrier à saisir depuis", null=True)
    valid_from = models.DateField("valable du", null=True)
    valid_until = models.DateField("au", null=True)
    ceiling = models.DecimalField("plafond du séjour", max_digits=12, decimal_places=2, null=True)
    closed_at = models.DateTimeField("fermée le", null=True)
    closed_reason = models.CharField("pourquoi", max_length=17, choices=AgreementEnd.choices, blank=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "prise en charge"
        verbose_name_plural = "prises en charge"
        ordering = ["-opened_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["stay", "coverage"], condition=Q(closed_at__isnull=True), name="one_open_agreement"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=False, valid_until__gte=F("valid_from")),
                name="agreement_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=PAYING) | Q(valid_from__isnull=False), name="a_granted_agreement_says_from_when"
            ),
            models.CheckConstraint(
                condition=~Q(state=AgreementState.REQUESTED) | Q(requested_at__isnull=False, remind_at__isnull=False),
                name="a_request_has_its_dates",
            ),
            models.CheckConstraint(
                condition=Q(ceiling__isnull=True) | Q(ceiling__gte=0), name="agreement_ceiling_is_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_reason="")
                | Q(closed_at__isnull=False) & ~Q(closed_reason=""),
                name="a_closed_agreement_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["stay", "-opened_at"], name="agreement_of_stay"),
            models.Index(fields=["state", "remind_at"], condition=Q(closed_at__isnull=True), name="agreement_open"),
            models.Index(
                fields=["unread_since"],
                condition=Q(closed_at__isnull=True, unread_since__isnull=False),
                name="agreement_unread",
            ),
        ]

    def __str__(self) -> str:
        return f"prise en charge {self.pk}"

    @property
    def pays(self) -> bool:
        return self.state in PAYING


class AgreementLine(models.Model):
    """A contract line: how much of what the AMO leaves is paid, after how many days, within which caps (euros)."""

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="lines")
    covers = models.CharField("couvre", max_length=3, choices=Covered.choices)
    percent = models.DecimalField("taux (%)", max_digits=5, decimal_places=2)
    daily_cap = models.DecimalField("plafond par jour", max_digits=12, decimal_places=2, null=True)
    ceiling = models.DecimalField("plafond", max_digits=12, decimal_places=2, null=True)
    waiting_days = models.PositiveSmallIntegerField("jours de carence", default=0)

    class Meta:
        verbose_name = "ligne de prise en charge"
        verbose_name_plural = "lignes de prise en charge"
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "covers"], name="one_contract_line_a_kind"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="contract_percent_in_range"),
            models.CheckConstraint(
                condition=(Q(daily_cap__isnull=True) | Q(daily_cap__gte=0))
                & (Q(ceiling__isnull=True) | Q(ceiling__gte=0)),
                name="contract_caps_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.covers} {self.percent} %"


class AgreementStep(models.Model):
    """What happened to a prise en charge, when and by whom. Never rewritten (trigger)."""

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="steps")
    act = models.CharField("étape", max_length=9, choices=AgreementAct.choices)
    state = models.CharField("état", max_length=14, choices=AgreementState.choices)
    note = models.CharField("note", max_length=200, blank=True)
    at = models.DateTimeField("le")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "étape d’une prise en charge"
        verbose_name_plural = "étapes des prises en charge"
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["agreement", "at"], name="step_of_agreement")]

    def __str__(self) -> str:
        return f"{self.act} {self.pk}"

    @property
    def who(self) -> str:
        """A person, a program, or nobody (empty)."""
        return Actor(self.by, self.client).name


def _storage() -> Storage:
    return storages["default"]


class AgreementLetter(models.Model):
    """What a payer sent about a prise en charge, page by page. Attached whole, or taken away whole (trigger)."""

    agreement = models.ForeignKey(Agreement, on_delete=models.CASCADE, related_name="letters")
    #: SHA-256 of the pages as we drew them: the same letter is attached once.
    digest = models.CharField("empreinte", max_length=64)
    received_at = models.DateTimeField("jointe le")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = "courrier d’une prise en charge"
        verbose_name_plural = "courriers des prises en charge"
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "digest"], name="a_letter_is_attached_once"),
        ]
        # What the purge has still to look at.
        indexes = [models.Index(fields=["received_at"], name="letter_received")]

    def __str__(self) -> str:
        return f"courrier {self.pk}"

    @property
    def who(self) -> str:
        """A person, or a program."""
        return Actor(self.by, self.client).name


class LetterPage(models.Model):
    """One page of a letter: a JPEG of ours (`debtors/datamatrix/keeping.py`), encrypted where it is kept."""

    letter = models.ForeignKey(AgreementLetter, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveSmallIntegerField("page")
    image = models.FileField("image", storage=_storage)

    class Meta:
        verbose_name = "page d’un courrier"
        verbose_name_plural = "pages des courriers"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["letter", "number"], name="one_picture_a_page"),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=20), name="a_letter_has_twenty_pages_at_most"
            ),
        ]

    def __str__(self) -> str:
        return f"page {self.number} du courrier {self.letter_id}"
