"""Who works here, for which establishment, with which role."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.enums import Action, Reach, Role
from accounts.permissions import PERMISSIONS
from accounts.sight import Sight


class Establishment(models.Model):
    """A site of the hospital: one geographic FINESS under one legal FINESS."""

    name = models.CharField("nom", max_length=120)
    finess_legal = models.CharField("FINESS juridique", max_length=9)
    finess_site = models.CharField("FINESS géographique", max_length=9, unique=True)

    class Meta:
        verbose_name = "établissement"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in. `establishment` is where they work now; their roles there are in `RoleAssignment`."""

    establishment = models.ForeignKey(
        Establishment, verbose_name="établissement", on_delete=models.PROTECT, null=True, blank=True
    )
    single_keys = models.BooleanField("touches simples actives", default=True)

    class Meta(AbstractUser.Meta):
        verbose_name = "utilisateur"
        ordering = ["last_name", "first_name"]
        indexes = [models.Index(fields=["establishment", "last_name", "first_name", "id"], name="people_of_a_place")]

    def __str__(self) -> str:
        return self.short_name

    @property
    def short_name(self) -> str:
        """«N. Ferrand», as colleagues see it on a line."""
        if not self.last_name:
            return self.username
        return f"{self.first_name[:1]}. {self.last_name}" if self.first_name else self.last_name

    @property
    def granted(self) -> list[RoleAssignment]:
        """Roles held here, where this person works now: read once a request."""
        if not hasattr(self, "_granted"):
            self._granted = [
                one for one in self.role_assignments.filter(establishment=self.establishment_id) if one.in_force
            ]
        return self._granted

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(row.role for row in self.granted)

    def may(self, action: Action) -> bool:
        return bool(self.roles & PERMISSIONS[action].keys())

    def sight(self, action: Action) -> Sight:
        """What this person sees when they do this: the union of what each of their roles opens."""
        here = self.establishment_id or 0
        services: set[str] = set()
        for row in self.granted:
            reach = PERMISSIONS[action].get(Role(row.role))
            if reach is None:
                continue
            if reach is not Reach.SERVICES or not row.services:
                return Sight(here)
            services |= set(row.services)
        return Sight(here, tuple(sorted(services)))

    @property
    def role_label(self) -> str:
        return ", ".join(Role(role).label for role in sorted(self.roles))


class RoleAssignment(models.Model):
    """This person has this role in this establishment, for some of its services or for all of them (none named)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_assignments")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT)
    role = models.CharField("rôle", max_length=16, choices=Role.choices)
    # Codes, not keys: the functional units are a floor above. A unit that is renamed keeps its code.
    services = ArrayField(models.CharField(max_length=6), verbose_name="services", default=list, blank=True)
    #: Both days included; none: since ever, for ever.
    since = models.DateField("du", null=True)
    until = models.DateField("au", null=True)

    class Meta:
        verbose_name = "rôle attribué"
        constraints = [
            models.UniqueConstraint(fields=["user", "establishment", "role"], name="one_assignment_a_role"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
            models.CheckConstraint(
                condition=Q(since__isnull=True) | Q(until__isnull=True) | Q(until__gte=F("since")),
                name="role_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} : {self.get_role_display()}"

    @property
    def in_force(self) -> bool:
        """Whether today is one of its days."""
        today = timezone.localdate()
        return (self.since is None or self.since <= today) and (self.until is None or today <= self.until)
