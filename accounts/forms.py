"""Signing in. A refusal says the same thing whoever exists: a name that is not there is not told from a wrong password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.core.exceptions import ValidationError
from redis.exceptions import RedisError

from gap.crypto import blind_index

# Wrong tries allowed for one name from one place, before that pair waits.
TRIES: Final = 10
WAIT: Final = timedelta(minutes=15)


class SignInForm(AuthenticationForm):
    """Name and password. Too many wrong tries for a name from one place are made to wait, right or wrong."""

    error_messages = {
        "invalid_login": "Identifiant ou mot de passe inconnu. Vérifiez la touche Verr. Maj, puis recommencez.",
        "inactive": "Identifiant ou mot de passe inconnu. Vérifiez la touche Verr. Maj, puis recommencez.",
        "too_many": (
            f"Trop d’essais pour cet identifiant. Rien n’est bloqué : attendez {WAIT.seconds // 60} minutes, "
            "ou demandez un nouveau mot de passe à votre administrateur."
        ),
    }

    username = forms.CharField(
        label="Identifiant",
        max_length=150,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label="Mot de passe",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean(self) -> dict[str, Any]:
        key = self._key()
        if _tries(key) >= TRIES:
            raise ValidationError(self.error_messages["too_many"], code="too_many")
        try:
            cleaned = super().clean()
        except ValidationError:
            _count(key)
            raise
        _forget(key)
        return cleaned or {}

    def _key(self) -> str:
        name = str(self.cleaned_data.get("username", "")).casefold()
        place = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        return f"sign-in:{blind_index(f'{name}|{place}', 'accounts.sign-in')}"


def _tries(key: str) -> int:
    try:
        return int(cache.get(key, 0))
    except RedisError:
        # Redis away must not keep a hospital out: the count is lost, the password is still asked.
        return 0


def _count(key: str) -> None:
    try:
        cache.add(key, 0, timeout=WAIT.seconds)
        cache.incr(key)
    except (RedisError, ValueError):
        return


def _forget(key: str) -> None:
    try:
        cache.delete(key)
    except RedisError:
        return
