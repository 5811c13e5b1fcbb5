"""People, and how they are found again."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q

from accounts.models import ApiClient, Establishment
from admissions.enums import UNSETTLED, IdentityStatus, Incomplete, InsOutcome, Protection, Sex
from admissions.masked import Masked
from gap.crypto import blind_index, blind_indexes
from gap.fields import EncryptedTextField


class Patient(models.Model):
    """A person cared for. Strict identity traits first: birth name, first names, birth date, sex, place of birth."""

    ipp = models.CharField("IPP", max_length=9, unique=True, editable=False)
    birth_name = models.CharField("nom de naissance", max_length=100)
    used_name = models.CharField("nom utilisé", max_length=100, blank=True)
    first_names = models.CharField("prénoms de naissance", max_length=100)
    used_first_name = models.CharField("prénom utilisé", max_length=60, blank=True)
    birth_date = models.DateField("date de naissance")
    sex = models.CharField("sexe", max_length=1, choices=Sex.choices)
    birth_place = models.CharField("code INSEE du lieu de naissance", max_length=5, blank=True)
    nir = EncryptedTextField("NIR de l’assuré", null=True, blank=True)
    nir_index = models.CharField(max_length=64, null=True, editable=False, db_index=True)
    birth_rank = models.PositiveSmallIntegerField("rang de naissance", default=1)
    identity_status = models.CharField(
        "statut de l’identité", max_length=5, choices=IdentityStatus.choices, default=IdentityStatus.PROVISIONAL
    )
    # The matricule of the national identity, with its key: 15 characters. Shown and shared when qualified only.
    ins = EncryptedTextField("matricule INS", null=True)
    ins_index = models.CharField(max_length=64, null=True, editable=False)
    ins_oid = models.CharField("OID de l’INS", max_length=30, blank=True, default="", db_default="")
    ins_outcome = models.CharField(
        "réponse d’INSi", max_length=8, choices=InsOutcome.choices, blank=True, default="", db_default=""
    )
    # When the national service last answered of this identity, whatever it said.
    ins_answered_at = models.DateTimeField("INSi a répondu le", null=True)
    # The document that was compared with the traits, which have not changed since.
    document_kind = models.CharField("pièce vue", max_length=3, blank=True, default="", db_default="")
    document_seen_at = models.DateTimeField("pièce vue le", null=True)
    document_seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="pièce vue par", on_delete=models.PROTECT, null=True, related_name="+"
    )
    doubtful = models.BooleanField("identité douteuse", default=False, db_default=False)
    fictitious = models.BooleanField("identité fictive", default=False, db_default=False)
    homonym = models.BooleanField("homonyme", default=False, db_default=False)
    protection = models.CharField(
        "protection", max_length=10, choices=Protection.choices, blank=True, default="", db_default=""
    )
    # Registered at once, to be completed: a patient is cared for before anybody knows who they are.
    incomplete = models.CharField(
        "à compléter", max_length=8, choices=Incomplete.choices, blank=True, default="", db_default=""
    )
    incomplete_since = models.DateTimeField("à compléter depuis", null=True)
    mother = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    # The dossier that stands for this one: theirs were put together.
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="absorbed_patients")
    phone = models.CharField("téléphone", max_length=20, blank=True)
    email = models.EmailField("courriel", blank=True)
    # The hospital that made it; a stay makes it known to another.
    establishment = models.ForeignKey(
        Establishment, verbose_name="établissement", on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField("créé le", auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, null=True, related_name="+")
    creation_key = models.UUIDField(null=True, unique=True, editable=False)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "patient"
        ordering = ["birth_name", "first_names", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(nir__isnull=True, nir_index__isnull=True) | Q(nir__isnull=False, nir_index__isnull=False),
                name="nir_is_indexed",
            ),
            # RNIV, EXI SI 07: recovered by INSi or not, document compared or not. Two facts make the four statuses.
            models.CheckConstraint(
                condition=Q(ins__isnull=True, document_seen_at__isnull=True, identity_status=IdentityStatus.PROVISIONAL)
                | Q(ins__isnull=True, document_seen_at__isnull=False, identity_status=IdentityStatus.VALIDATED)
                | Q(ins__isnull=False, document_seen_at__isnull=True, identity_status=IdentityStatus.RETRIEVED)
                | Q(ins__isnull=False, document_seen_at__isnull=False, identity_status=IdentityStatus.QUALIFIED),
                name="status_follows_ins_and_document",
            ),
            models.CheckConstraint(
                condition=Q(doubtful=False, fictitious=False) | Q(identity_status=IdentityStatus.PROVISIONAL),
                name="doubtful_or_fictitious_is_provisional",
            ),
            models.CheckConstraint(
                condition=Q(ins__isnull=True, ins_index__isnull=True, ins_oid="")
                | (Q(ins__isnull=False, ins_index__isnull=False) & ~Q(ins_oid="")),
                name="ins_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(document_seen_at__isnull=True, document_kind="")
                | (Q(document_seen_at__isnull=False) & ~Q(document_kind="")),
                name="document_seen_has_a_kind",
            ),
            models.CheckConstraint(condition=Q(ins_outcome__in=InsOutcome.values), name="ins_outcome_is_known"),
            models.CheckConstraint(condition=Q(sex__in=Sex.values), name="sex_is_known"),
            models.CheckConstraint(
                condition=Q(incomplete="", incomplete_since__isnull=True)
                | (~Q(incomplete="") & Q(incomplete_since__isnull=False)),
                name="incomplete_says_since_when",
            ),
            # Twins are told apart by their rank, on one number.
            models.UniqueConstraint(
                fields=["mother", "birth_date", "birth_rank"],
                condition=Q(mother__isnull=False, merged_into__isnull=True),
                name="one_child_a_rank",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("pk")), name="merged_into_another_patient"
            ),
            models.CheckConstraint(condition=Q(protection__in=Protection.values), name="protection_is_known"),
            models.CheckConstraint(condition=~Q(birth_name="") & ~Q(first_names=""), name="patient_is_named"),
        ]
        indexes = [
            models.Index(fields=["birth_date", "birth_name"], name="patient_birth"),
            models.Index(fields=["ins_index"], condition=Q(ins_index__isnull=False), name="patient_ins"),
            # Whom somebody at the desk has something to settle about.
            models.Index(
                fields=["id"],
                condition=~Q(incomplete="") | Q(doubtful=True) | Q(ins_outcome__in=UNSETTLED),
                name="patient_unsettled",
            ),
            # Whose national identity is to be verified again, the oldest answer first.
            models.Index(fields=["ins_answered_at"], condition=Q(ins__isnull=False), name="patient_ins_age"),
        ]

    def __str__(self) -> str:
        # Never the name: a patient's text form may end in a log.
        return f"IPP {self.ipp}"

    @staticmethod
    def index_of_nir(nir: str) -> str:
        """The blind index of a NIR of 15 characters, without spaces."""
        return blind_index(nir, "patient.nir")

    @staticmethod
    def indexes_of_nir(nir: str) -> list[str]:
        """Those to look for: under every key of the ring, while rows pass from one to another."""
        return blind_indexes(nir, "patient.nir")

    @property
    def listed(self) -> Patient | Masked:
        """Who stands on a line of a list: nobody that can be told, when the dossier is protected."""
        return Masked(self.ipp) if self.protection else self

    @property
    def first_name(self) -> str:
        return self.first_names.replace(",", " ").split()[0]

    def age_on(self, day: date) -> int:
        born = self.birth_date
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


class PatientNameToken(models.Model):
    """One searchable word of a patient's names, normalised: what makes «le bihan», «LEBIHAN» and «Bihan» meet."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="name_tokens")
    token = models.CharField(max_length=100)

    class Meta:
        verbose_name = "mot de recherche"
        verbose_name_plural = "mots de recherche"
        constraints = [models.UniqueConstraint(fields=["patient", "token"], name="one_token_a_patient")]
        indexes = [models.Index(OpClass(F("token"), name="text_pattern_ops"), F("patient"), name="name_token_prefix")]

    def __str__(self) -> str:
        return f"mot {self.pk}"
