"""Who is behind a session: read on every request, so read in one go."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.db.models import BigIntegerField

from accounts.models import User
from gap.compiled import Compiled, Given

_USER = Compiled(lambda: User.objects.select_related("establishment").filter(pk=Given("user", BigIntegerField())))


class EstablishmentBackend(ModelBackend):
    """Django's own backend; the person comes with the establishment that every page names."""

    def get_user(self, user_id: int) -> User | None:
        user = _USER.first(user=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None
