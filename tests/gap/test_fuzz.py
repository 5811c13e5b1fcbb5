"""Nothing that is read from outside brings anything down: each reader of `make fuzz`, for a second, and the screens."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.enums import Role
from bench.fuzz.targets import SEEDS, TARGETS
from worklists.registry import all_worklists

RUN = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
# Of processor: what other programs of the machine take is not ours.
HANGS_S = 2.0
ODD = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=40),
    st.sampled_from(
        ["\x00", "9" * 40, "-1", "0", "١٢٣", "²", "O'Brien %_\\", "\ud7ff\uffff", "31/02/2026", "9999-12-31", "0000-00-00",
         "a" * 5000, "-depuis", "=1", "\r\nX: y", "../../etc", "{{ 7*7 }}", "<script>", "NaN", "1e999", "²²²²²²²²²"]
    ),
)  # fmt: skip


def spoilt(seed: bytes) -> st.SearchStrategy[bytes]:
    """The seed with a piece of it cut, doubled, or something arbitrary put in."""
    cut = st.integers(0, len(seed))
    return st.builds(lambda a, b, inside: seed[:a] + inside + seed[b:], cut, cut, st.binary(max_size=40))


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_lets_nothing_out_but_its_own_refusals_and_never_hangs(name: str, measured) -> None:
    seeds = SEEDS[name]
    tried = 0

    @settings(max_examples=60, **RUN)
    @given(
        st.one_of(
            st.binary(max_size=200), ODD.map(lambda text: text.encode()), *map(spoilt, seeds), *map(st.just, seeds)
        )
    )
    def holds(data: bytes) -> None:
        nonlocal tried
        tried += 1
        started = time.process_time()
        TARGETS[name](data)
        assert time.process_time() - started < HANGS_S

    holds()
    measured("entrées mauvaises lues", tried)


LISTS = {
    Role.BILLING: ("/factures/", "/echanges/"),
    Role.AGENT: ("/admissions/", "/debiteurs/", "/debiteurs/choix/"),
    Role.REFERENT: ("/debiteurs/associations/", "/codes/", "/supervision/"),
}
PARAMETERS = (
    "q", "page", "tri", "etat", "payeur", "age", "debiteur", "amc", "domaine", "service", "depuis", "pause", "affecte",
    "code", "nature", "jour", "date", "statut", "sens", "format", "groupe", "next", "motif",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("role", LISTS)
def test_whatever_stands_in_the_address_of_a_list_it_is_answered(role, signed_in, settings) -> None:
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 10**9)
    client = signed_in(role)
    lists = [*LISTS[role], *(f"/listes/{slug}/" for slug in list(all_worklists())[:4])]

    @_settings(max_examples=15)
    @given(st.sampled_from(lists), st.dictionaries(st.sampled_from(PARAMETERS), ODD, max_size=3))
    @example(lists[0], {"q": "\x00"})
    @example(lists[-1], {"q": "\x00", "tri": "\x00"})
    def answered(path: str, query: dict[str, str]) -> None:
        started = time.process_time()
        response = client.get(path, query)
        assert response.status_code < 500, (path, query)
        assert time.process_time() - started < HANGS_S

    answered()


@pytest.mark.django_db
def test_whatever_stands_in_the_place_of_an_identifier_the_address_is_answered(signed_in) -> None:
    client = signed_in(Role.AGENT)
    shapes = (
        "/patients/{}/",
        "/sejours/{}/",
        "/factures/{}/",
        "/sejours/{}/resume/",
        "/appels/sejour/{}/",
        "/debiteurs/{}/",
    )

    @_settings(max_examples=20)
    @given(st.sampled_from(shapes), ODD)
    @example(shapes[0], "\x00")
    @example(shapes[1], "1\x00")
    def answered(shape: str, text: str) -> None:
        assert client.get(shape.format(quote(text, safe=""))).status_code < 500, (shape, text)

    answered()


@pytest.mark.django_db
def test_whatever_is_typed_or_scanned_it_is_answered(signed_in, settings) -> None:
    settings.RATES_PER_MINUTE = dict.fromkeys(settings.RATES_PER_MINUTE, 10**9)
    client = signed_in(Role.AGENT)
    fields = (
        "q",
        "text",
        "birth_name",
        "birth_date",
        "nir",
        "ipp",
        "creation_key",
        "walk_in",
        "single_keys",
        "next",
        "kind",
    )

    @_settings(max_examples=20)
    @given(
        st.sampled_from(["/recherche/", "/carte/", "/carte/attente/", "/admissions/nouvelle/", "/touches/"]),
        st.dictionaries(st.sampled_from(fields), ODD, max_size=4),
    )
    @example("/touches/", {"next": "0"})
    @example("/recherche/", {"q": "\x00"})
    def answered(path: str, body: dict[str, str]) -> None:
        assert client.post(path, body).status_code < 500, (path, body)

    answered()


def _settings(**more: int) -> settings:
    return settings(**RUN, **more)
