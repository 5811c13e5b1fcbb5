"""A password made of what everybody here knows is refused, however it is dressed."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.context_words import is_of_context, listed_words
from accounts.enums import Role
from tests.factories import EstablishmentFactory


@pytest.mark.parametrize(
    "password",
    [
        "MiniGap-2026!!",
        "Admission2026!",
        "H0pit4l-Adm1ssion",
        "Bureau des Entrées 35",
        "Printemps-Été-2026",
        "M0tdePa$$e!!2026",
        "carte.vitale.carte",
        "ServiceDesUrgences1",
    ],
)
def test_words_of_the_product_the_trade_and_the_calendar_make_no_password(password: str) -> None:
    assert is_of_context(password)


@pytest.mark.parametrize(
    "password",
    [
        "une phrase assez longue",
        "le chat dort sur le toit",
        "hiver au bord du lac gelé",
        "zKq8vW2xPL9mTb",
        "9182736451209384",
        "hopital 9182736451209384",
        "Ωμέγα и кириллица",
    ],
)
def test_a_phrase_of_ones_own_may_hold_such_words(password: str) -> None:
    assert not is_of_context(password)


def test_the_list_says_each_word_once_and_no_word_too_short() -> None:
    assert len(listed_words()) > 100
    assert min(map(len, listed_words())) >= 3


@pytest.mark.django_db
def test_the_name_of_the_hospital_is_such_a_word_for_those_who_work_there(person) -> None:
    user = person(Role.AGENT)
    user.establishment = EstablishmentFactory.build(name="CH de Kermorvan-sur-Mer")
    with pytest.raises(ValidationError) as refused:
        validate_password("Kermorvan-2026-Mer", user)
    assert [one.code for one in refused.value.error_list] == ["password_of_context"]
    user.establishment = EstablishmentFactory.build(name="CH de Ploubaz")
    validate_password("Kermorvan-2026-Mer", user)
