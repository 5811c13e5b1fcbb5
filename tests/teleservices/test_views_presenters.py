"""What people read of a call: three sentences for every status and every disposition, in French, and who must act."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from accounts.models import User
from debtors.models import Debtor
from gap.templatetags.gap_ui import CALL_STATES, TONE_ICONS
from teleservices.enums import CallStatus, Disposition
from teleservices.messages import Operation
from teleservices.models import ReturnCode, TeleserviceCall
from teleservices.presenters import present
from teleservices.sentences import CAUSES, POINTLESS, SEQUELS

NOW = dt.datetime(2026, 11, 20, 13, 2, 11, tzinfo=dt.UTC)  # 14:02:11 in Paris
LATER = NOW + dt.timedelta(minutes=3)
NBSP = "\u00a0"


def call(status: str, **fields: object) -> TeleserviceCall:
    values = {
        "operation": Operation.IDB,
        "debtor": Debtor(name="Mutuelle des Estuaires"),
        "planned_at": NOW,
        "not_before": NOW,
        "attempts_count": 1,
        "first_sent_at": NOW - dt.timedelta(seconds=2),
    } | fields
    return TeleserviceCall(pk=7, coverage_id=3, status=status, **values)


def code(disposition: str, label: str = "Contrat résilié à la date des soins") -> ReturnCode:
    return ReturnCode(
        code="RC15", disposition=disposition, label=label, agent_message="Contrat terminé : prévenir le patient."
    )


def every_call():
    """A call in each situation that the engine can leave it in."""
    yield call(CallStatus.PLANNED, attempts_count=0)
    yield call(CallStatus.PLANNED, attempts_count=0, not_before=LATER)
    for cause in ("not_sent", "unavailable"):
        for operation in Operation:
            yield call(
                CallStatus.PLANNED,
                cause=cause,
                not_before=LATER,
                operation=operation,
                return_code="RC24",
                return_label="Indisponible",
            )
    yield call(CallStatus.CALLING)
    for cause in ("lost", "invalid", "apply_failed", "certificate_file_missing"):
        yield call(CallStatus.UNKNOWN, cause=cause, not_before=LATER)
        yield call(CallStatus.UNKNOWN, cause=cause, not_before=NOW)
    for operation in Operation:
        yield call(CallStatus.SUCCEEDED, operation=operation, duration_ms=400, finished_at=NOW)
    for cause in (*CAUSES, "something_new"):
        yield call(CallStatus.NEEDS_REFERENT, cause=cause)
    for cause in (*POINTLESS, "something_new"):
        yield call(CallStatus.CANCELLED, cause=cause, finished_at=NOW)
    for disposition in (*Disposition.values, ""):
        yield call(CallStatus.REFUSED, disposition=disposition, return_code="RC15", finished_at=NOW)


def all_text(view) -> str:
    return " ".join((view.title, view.chip, view.when, view.happened, view.system, view.you, view.line, view.detail))


def test_every_state_of_a_call_says_what_happened_what_the_system_does_and_what_you_can_do() -> None:
    for subject in every_call():
        known = code(subject.disposition) if subject.disposition else None
        view = present(subject, known, NOW)
        assert view.happened.endswith("."), view
        assert view.system.endswith("."), view
        assert view.you or view.act == "member_number", view
        assert view.state in CALL_STATES, view
        assert view.tone in TONE_ICONS, view
        assert view.chip and view.icon, view


def test_every_status_and_every_disposition_has_its_sentences() -> None:
    assert {subject.status for subject in every_call()} == set(CallStatus.values)
    assert set(SEQUELS) == set(Disposition.values)


def test_no_sentence_is_english_nor_names_an_internal_state() -> None:
    for subject in every_call():
        text = all_text(present(subject, code(subject.disposition), NOW))
        assert not re.search(r"\b(call|error|retry|status|unknown|timeout|missing|refused|planned)\b", text), text
        assert "_" not in text


def test_signs_are_preceded_by_a_space_that_does_not_break() -> None:
    for subject in every_call():
        text = all_text(present(subject, code(subject.disposition), NOW))
        assert not re.search(r" [:;?!»]", text), text
        assert "'" not in text


def test_a_call_that_answered_says_in_how_long() -> None:
    view = present(call(CallStatus.SUCCEEDED, duration_ms=412, finished_at=NOW), None, NOW)
    assert view.chip == f"Répondu en 0,4{NBSP}s"
    assert (view.open, view.yours, view.live) == (False, False, False)


def test_an_unavailable_payer_says_when_it_is_tried_again_and_asks_nothing() -> None:
    waiting = call(CallStatus.PLANNED, cause="unavailable", attempts_count=2, not_before=LATER, return_code="RC24")
    view = present(waiting, code(Disposition.RETRY, "Service momentanément indisponible"), NOW)
    assert view.chip == "Prochain essai à 14:05"
    assert "service momentanément indisponible (RC24)" in view.happened
    assert view.system.startswith("3e essai à 14:05")
    assert view.you.startswith("Rien.") and not view.yours


def test_an_outcome_unknown_promises_the_same_message() -> None:
    view = present(call(CallStatus.UNKNOWN, cause="lost", not_before=LATER), None, NOW)
    assert "même message" in view.system
    assert view.due_at == LATER and not view.moving


def test_an_unknown_member_number_is_asked_in_place() -> None:
    view = present(call(CallStatus.REFUSED, disposition=Disposition.ASK_MEMBER_NUMBER, return_code="RC22"), None, NOW)
    assert (view.act, view.yours, view.live) == ("member_number", True, True)


def test_only_three_situations_ask_something_of_the_desk() -> None:
    yours = {
        (view.act)
        for view in (present(subject, code(subject.disposition), NOW) for subject in every_call())
        if view.yours
    }
    assert yours == {"member_number", "inform", "identity"}


def test_a_handled_refusal_is_one_grey_line_that_says_who() -> None:
    colleague = User(first_name="Marc", last_name="Rivoal")
    refused = call(
        CallStatus.REFUSED,
        disposition=Disposition.INFORM_PATIENT,
        return_code="RC15",
        handled_at=NOW,
        handled_by=colleague,
    )
    view = present(refused, code(Disposition.INFORM_PATIENT), NOW)
    assert view.tone == "sys" and not view.live and not view.yours
    assert view.detail.endswith("Traité à 14:02 par M. Rivoal.")


def test_a_superseded_refusal_asks_nothing_any_more() -> None:
    refused = call(CallStatus.REFUSED, disposition=Disposition.ASK_MEMBER_NUMBER, return_code="RC22", superseded_at=NOW)
    view = present(refused, None, NOW)
    assert (view.yours, view.live, view.act) == (False, False, "")


def test_an_unknown_code_is_shown_raw_and_given_to_the_referent() -> None:
    view = present(call(CallStatus.REFUSED, disposition=Disposition.STORE, return_code="ZZ99"), None, NOW)
    assert "ZZ99" in view.happened and "référent" in view.system
    assert not view.yours


@pytest.mark.parametrize("asked", [{"status": CallStatus.PLANNED, "attempts_count": 0}, {"status": CallStatus.CALLING}])
def test_a_call_on_its_way_is_not_announced(asked) -> None:
    assert present(call(**asked), None, NOW).announcement == ""


@pytest.mark.parametrize("status", [CallStatus.PLANNED, CallStatus.UNKNOWN])
def test_a_late_answer_is_announced_in_words_that_no_try_changes(status: str) -> None:
    told = {present(call(status, attempts_count=tries), None, NOW).announcement for tries in (1, 2, 5)}
    assert [text.replace("\u00a0", " ") for text in told] == [
        "IDB : pas de réponse pour l’instant, le système relance seul."
    ]


def test_no_sentence_holds_the_identity_of_a_patient() -> None:
    # The presenter is given no patient: the fields that it reads are those of the call and of the payer.
    subject = call(CallStatus.SUCCEEDED, duration_ms=400)
    assert "stay" not in subject.__dict__.get("_state").fields_cache
    present(subject, None, NOW)
    assert "stay" not in subject._state.fields_cache
