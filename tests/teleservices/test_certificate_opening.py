"""Certificate files are opened in a process of their own: what they ask for there stops nobody here."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from admissions.errors import Refused
from teleservices import certificates
from teleservices.enums import CertificateUse
from teleservices.opening import open_bundle
from teleservices.rules.certificates import Bundle, CertificateProblem, Problem, read_bundle
from tests.certificates import another_pki, as_pem, as_pkcs12

#: 2 048 rounds, as DER writes them at the end of a PKCS#12; and the most that four bytes can say.
USUAL, ENDLESS = b"\x02\x02\x08\x00", b"\x02\x04\x7f\xff\xff\xff"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return another_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def endless(pki) -> bytes:
    """A PKCS#12 of some kilobytes that asks for two thousand million rounds before its passphrase is known to be wrong."""
    made = bytearray(as_pkcs12(pki.services, "s"))
    assert made.endswith(USUAL) and made[:2] == b"\x30\x82"
    last = next(
        at for at in range(len(made) - 120, len(made)) if made[at] == 0x30 and at + 2 + made[at + 1] == len(made)
    )
    longer = len(ENDLESS) - len(USUAL)
    made[last + 1] += longer
    made[2:4] = (int.from_bytes(made[2:4]) + longer).to_bytes(2)
    return bytes(made[: -len(USUAL)]) + ENDLESS


def refusal(work: Callable[[], Bundle]) -> CertificateProblem:
    with pytest.raises(CertificateProblem) as refused:
        work()
    return refused.value


def test_what_is_opened_elsewhere_is_what_would_be_opened_here(pki) -> None:
    given = as_pkcs12(pki.services, "sésame", pki.ca)
    here, there = read_bundle(given, passphrase="sésame"), open_bundle(given, passphrase="sésame")
    assert (here.certificate, here.key_der, here.chain) == (there.certificate, there.key_der, there.chain)
    assert open_bundle(as_pem(pki.services)).certificate == here.certificate


def test_what_is_wrong_with_a_file_is_told_as_here(pki) -> None:
    given = as_pkcs12(pki.services, "sésame")
    assert refusal(lambda: open_bundle(given)).problem is Problem.LOCKED
    assert refusal(lambda: open_bundle(given, passphrase="autre")).problem is Problem.NOT_OPENED
    assert refusal(lambda: open_bundle(b"\x89PNG")).problem is Problem.NOT_READ
    assert refusal(lambda: open_bundle(b"-" * 300_000)).problem is Problem.TOO_BIG
    assert refusal(open_bundle).problem is Problem.NO_CERTIFICATE


def test_a_file_that_asks_for_an_hour_of_calculation_is_given_up_and_others_work_meanwhile(endless) -> None:
    turns: list[float] = []
    found: list[CertificateProblem] = []
    work = threading.Thread(
        target=lambda: found.append(refusal(lambda: open_bundle(endless, passphrase="s", deadline_s=1)))
    )
    start = time.monotonic()
    work.start()
    while work.is_alive():
        turns.append(time.monotonic())
        time.sleep(0.01)
    assert [one.problem for one in found] == [Problem.TOO_SLOW] and time.monotonic() - start < 5
    # Opened in this process, it would have let no other thread work.
    assert max(later - sooner for sooner, later in itertools.pairwise(turns)) < 0.5


@pytest.mark.django_db
def test_whoever_gave_it_is_told_what_to_do(endless, monkeypatch) -> None:
    monkeypatch.setattr("teleservices.opening.open_bundle.__kwdefaults__", {"passphrase": "", "deadline_s": 0.5})
    with pytest.raises(Refused) as refused:
        certificates.import_certificate(CertificateUse.SERVICES, endless, passphrase="s")
    assert "trop de calculs" in refused.value.message and refused.value.field == "file"
