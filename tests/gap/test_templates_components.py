"""Components render, escape what they are given, leak nothing into one another, and partials still work beside them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.template.loader import get_template, render_to_string
from django.test import RequestFactory, override_settings

from gap.templatetags import gap_ui
from tests.gap.templates_demo import site

ROOT = Path(settings.BASE_DIR)
TABLES = sorted((ROOT / "templates/tables").rglob("*.html"))
TEMPLATES = sorted(set((ROOT / "templates").rglob("*.html")) - set(TABLES))
COMPONENTS = [path for path in TEMPLATES if "cotton" in path.parts]


@pytest.fixture
def draw(tmp_path: Path):
    """Render a template written in the test through the loaders of the settings."""
    (tmp_path / "drawn").mkdir()

    def render(source: str, request=None, name: str = "drawn/page.html", **context) -> str:
        (tmp_path / "drawn/page.html").write_text(source)
        changed = site.templates()
        changed[0]["DIRS"] = [tmp_path, *changed[0]["DIRS"]]
        with override_settings(TEMPLATES=changed):
            return render_to_string(name, context, request=request)

    return render


def flat(html: str) -> str:
    return re.sub(r"\s+", " ", html).replace("> <", "><").strip()


# ---- the loaders ----


def test_components_and_partials_render_side_by_side(draw):
    source = (
        '{% partialdef row inline %}<td><c-chip tone="ok">Tenu</c-chip></td>{% endpartialdef %}<c-icon name="check" />'
    )
    whole, part = draw(source), draw(source, name="drawn/page.html#row")
    assert "<c-" not in whole + part
    assert whole.count("chip-ok") == part.count("chip-ok") == 1
    assert "#i-check" in whole and "#i-check" not in part


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_template_compiles(path):
    assert get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_every_table_compiles(path):
    assert get_template(str(path.relative_to(ROOT / "templates/tables")), using="tables")


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "405", "413", "429", "500", "503"])
def test_error_pages_say_three_sentences_without_account_nor_request(name):
    html = render_to_string(f"{name}.html")
    assert all(
        sentence in html for sentence in ("Ce qui s’est passé", "Ce que fait le système", "Ce que vous pouvez faire")
    )
    assert "data-interrupted" in html and "<c-" not in html


@pytest.mark.parametrize("name", ["500", "503"])
def test_a_page_about_what_is_broken_takes_nothing_of_the_page_that_surrounds_the_others(name):
    html = render_to_string(f"{name}.html")
    assert not [word for word in ("hx-", "csrf", "<nav", "data-lock-url", "js/app.js") if word in html]
    assert 'class="topbar"' in html and "app.css" in html


# ---- rules that every template keeps ----


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_needs_an_unsafe_policy(path):
    source = path.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:|hx-on|//[a-z]+\.[a-z]", source)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source))


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_every_variable_of_a_component_has_a_default(path):
    """Without one, a variable of the page with the same name would enter the component."""
    source = path.read_text()
    declared = re.match(r"<c-vars\s(.*?)/>", source, re.DOTALL)
    names = re.findall(r"(?<!\S):?([a-z_]+)(=)?", re.sub(r'"[^"]*"', '""', declared[1])) if declared else []
    assert [name for name, equals in names if not equals] == []


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_no_component_writes_attributes_unescaped(path):
    assert not re.search(r"\{\{\s*attrs\s*\}\}|\|safe\b|autoescape", path.read_text())


def test_a_variable_of_the_page_does_not_enter_a_component(draw):
    html = draw(
        '<c-chip tone="ok">Tenu</c-chip><c-panel title="A">b</c-panel>', icon="ban", aside="fuite", footer="fuite"
    )
    assert "fuite" not in html and "#i-ban" not in html


def test_what_a_person_wrote_is_escaped_wherever_it_goes(draw):
    evil = '" onmouseover="alert(1)"><script>'
    html = draw(
        '<c-chip tone="ok" :data-x="evil" title="{{ evil }}">{{ evil }}</c-chip><c-panel id="p" title="{{ evil }}" :aside="evil">'
        '{{ evil }}</c-panel><c-field id="f" label="{{ evil }}" :value="evil" :error="evil" />'
        '<c-todo><c-todo.item :href="evil" count="2">{{ evil }}</c-todo.item></c-todo>',
        evil=evil,
    )
    assert "<script>" not in html
    assert '" onmouseover' not in html


def test_an_unknown_tone_or_state_is_a_mistake_of_the_screen_not_a_colour(draw):
    with pytest.raises(KeyError):
        draw('<c-chip tone="vert">x</c-chip>')
    with pytest.raises(KeyError):
        draw('<c-call-line state="perdu" op="IDB">x</c-call-line>')


# ---- components ----


@pytest.mark.parametrize("tone", gap_ui.TONE_ICONS)
def test_a_state_is_a_colour_an_icon_and_a_word(draw, tone):
    html = draw(f'<c-chip tone="{tone}">Le mot</c-chip>')
    assert f"chip-{tone}" in html and f"#i-{gap_ui.TONE_ICONS[tone]}" in html and "Le mot" in html


def test_the_banner_shows_every_trait_and_says_when_there_is_no_other_name(draw):
    patient = site.context(site.AdmissionForm())["patient"]
    html = draw('<c-ident :patient="patient" />', patient=patient)
    for trait in ("BERTHELOT", "Camille Anne", "nom utilisé ROUSSEAU", "17/05/1984", "sexe féminin", "INS qualifiée",
                  "2 84 05 35 238 117 13", "004512877", "260118243", "1 homonyme"):  # fmt: skip
        assert trait in html
    nameless = draw('<c-ident :patient="patient" />', patient=patient | {"used_name": ""})
    assert "pas d’autre nom utilisé" in nameless


def test_the_banner_takes_an_object_as_well_as_a_dictionary(draw):
    patient = SimpleNamespace(**site.context(site.AdmissionForm())["patient"])
    assert "BERTHELOT" in draw('<c-ident :patient="patient" />', patient=patient)


def test_a_call_says_its_state_in_words_and_only_a_final_one_is_announced(draw):
    moving = draw('<c-call-line state="calling" op="SIM" when="en cours, 1 s">Recalcul</c-call-line>')
    final = draw(
        '<c-call-line state="answered" op="SIM" when="0,4 s" announce="SIM : 45,00 € au patient">Fait</c-call-line>'
    )
    assert "turn" in moving and "en cours</span>" in moving and "data-announce" not in moving
    assert 'data-announce="SIM : 45,00 € au patient"' in final and "t-ok" in final


def test_the_three_sentences_end_with_nothing_to_do_unless_said_otherwise(draw):
    assert "<p>Rien.</p>" in draw('<c-three happened="A." system="B." />')
    with_act = draw('<c-three happened="A." system="B." you=""><button>Relancer</button></c-three>')
    assert "Rien." not in with_act and "<button>Relancer</button>" in with_act


def test_a_panel_is_named_by_its_title(draw):
    html = flat(draw('<c-panel id="appels" title="Appels"><c-slot name="head"><b>x</b></c-slot>y</c-panel>'))
    assert 'aria-labelledby="appels-title"' in html and '<h2 id="appels-title">Appels</h2><b>x</b>' in html


def test_sorted_head_says_its_order_and_links_to_the_other_one_filters_kept(draw):
    request = RequestFactory().get("/listes/", {"pole": "MCO", "tri": "-depuis", "page": "3"})
    html = draw(
        '<c-th key="depuis" sort="-depuis" n="oui">Depuis</c-th><c-th key="nom" sort="-depuis">Nom</c-th>', request
    )
    assert 'aria-sort="descending"' in html and html.count("aria-sort") == 1
    assert 'href="?pole=MCO&amp;tri=depuis"' in html and 'href="?pole=MCO&amp;tri=nom"' in html


def test_the_pager_keeps_filters_and_works_without_counting(draw):
    request = RequestFactory().get("/listes/", {"pole": "MCO", "page": "2"})
    page = Paginator(list(range(95)), 40).page(2)
    html = draw('<c-pager :page="page" label="95 dossiers" />', request, page=page)
    assert 'href="?pole=MCO&amp;page=1"' in html and 'href="?pole=MCO&amp;page=3"' in html and "Page 2 sur 3" in html
    uncounted = SimpleNamespace(number=2, has_previous=True, previous_page_number=1, has_next=False)
    assert "sur" not in draw('<c-pager :page="page" />', request, page=uncounted)


def test_a_counter_at_zero_stays_and_is_quiet(draw):
    html = draw('<c-todo><c-todo.item href="/a" :count="n">Rien ici</c-todo.item></c-todo>', n=0)
    assert 'class="q zero">0<' in html


def test_an_invoice_shows_what_is_done_what_is_now_and_what_is_to_come(draw):
    html = draw(
        '<c-track><c-track.step label="Émise" state="now" when="05/11" /><c-track.step label="Payée" /></c-track>'
    )
    assert html.count('aria-current="step"') == 1 and ", à venir" in html


def test_attributes_for_htmx_pass_through_a_component(draw):
    html = draw('<c-pill href="/a" label="Tout" hx-get="/a" hx-vals=\'{"x": 1}\' disabled />')
    assert 'hx-get="/a"' in html and 'hx-vals="{&quot;x&quot;: 1}"' in html and " disabled" in html


# ---- fields ----


class Form(forms.Form):
    member = forms.CharField(label="N° d’adhérent", help_text="au dos", required=False)
    unit = forms.ChoiceField(label="Service", choices=[("1", "un")])
    payment = forms.ChoiceField(label="Règlement", widget=forms.RadioSelect, choices=[("cb", "carte")])
    agreed = forms.BooleanField(label="Accord")

    def clean_member(self) -> str:
        raise ValidationError("N° inconnu.", params={"kept": "Votre saisie est gardée.", "next": "Relisez la carte."})


def test_a_refused_field_is_tied_to_its_help_and_to_its_error(draw):
    html = draw('<c-field :field="form.member" />', form=Form({"member": "12"}))
    assert 'aria-invalid="true"' in html and 'aria-describedby="id_member_helptext id_member_error"' in html
    assert 'id="id_member_helptext"' in html and 'id="id_member_error"' in html
    assert "N° inconnu." in html and "Votre saisie est gardée. Relisez la carte." in html and 'value="12"' in html


@pytest.mark.parametrize("name", ["member", "unit", "payment", "agreed"])
def test_every_id_that_a_field_refers_to_exists(draw, name):
    html = draw('<c-field :field="field" />', field=Form({})[name])
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for referred in re.findall(r'(?:for|aria-describedby)="([^"]+)"', html):
        assert set(referred.split()) <= set(ids)


def test_a_sensitive_field_says_so_to_the_draft(draw):
    assert "data-sensitive" in draw('<c-field :field="form.member" sensitive="oui" />', form=Form())
    assert "data-sensitive" not in draw('<c-field :field="form.member" />', form=Form())


def test_a_summary_links_to_each_refused_field(draw):
    html = draw('<c-form-errors :form="form" />', form=Form({"unit": "1", "payment": "cb", "agreed": "on"}))
    assert 'href="#id_member"' in html and "1\u00a0champ à corriger" in html and 'role="alert"' in html
    assert draw('<c-form-errors :form="form" />', form=Form()).strip() == ""


def test_options_are_optional_only_when_they_are(draw):
    assert "facultatif" in draw('<c-field :field="form.member" />', form=Form())
    assert "facultatif" not in draw('<c-field :field="form.unit" />', form=Form())


# ---- pictures ----


def widths(amo: str, amc: str, patient: str) -> dict[str, float]:
    segments = gap_ui.split_segments(Decimal(amo), Decimal(amc), Decimal(patient))
    assert all("," not in segment["x"] + segment["width"] for segment in segments)
    last = segments[-1]
    assert float(last["x"]) + float(last["width"]) == pytest.approx(1000, abs=0.2)
    return {segment["css"]: float(segment["width"]) for segment in segments}


def test_a_split_amount_fills_its_bar_and_never_hides_what_the_patient_owes():
    assert widths("2524.80", "804.20", "45.00")["pat"] == 14
    assert widths("0", "0", "30") == {"pat": 1000}
    shares = widths("500", "250", "250")
    assert shares["amc"] == shares["pat"] == pytest.approx(shares["amo"] / 2, abs=0.2)


def test_an_empty_or_impossible_split_is_neither_drawn_nor_hidden():
    assert gap_ui.split_segments(0, 0, 0) == []
    with pytest.raises(ValueError, match="negative"):
        gap_ui.split_segments(Decimal("-1"), 2, 3)


@pytest.mark.parametrize(
    ("value", "most", "expected"),
    [(1, 4, "25"), (5, 4, "100"), (-1, 4, "0"), (1, 0, "0"), (1, 3, "33.3"), (None, 3, "0")],
)
def test_lengths_stay_in_their_scale_and_are_written_with_a_point(value, most, expected):
    assert gap_ui.scaled(value, most) == expected


def test_a_small_curve_goes_from_edge_to_edge():
    assert gap_ui.spark_points([0, 1, 2]) == "0,19 48,10 96,1"
    assert gap_ui.spark_points([4, 4]) == "0,10 96,10"
    assert gap_ui.spark_points([]) == ""
    assert gap_ui.last_point("0,19 96,1") == ("96", "1")


def test_numbers_in_pictures_escape_the_french_comma(draw):
    html = draw('<c-meter :value="value" :most="3" /><c-progress value="1200" most="41280" label="Import" />', value=1)
    assert 'width="33.3"' in html and 'aria-valuemax="41280"' in html


# ---- the base page ----


@pytest.fixture
def page(draw):
    def render(**changes) -> str:
        context = {**site.context(site.AdmissionForm()), **changes}
        return draw(
            '{% extends "base.html" %}{% block title %}Essai{% endblock %}', RequestFactory().get("/"), **context
        )

    return render


def test_the_page_gives_scripts_what_they_need(page):
    html = page()
    for attribute in (
        'data-scan-url="/scan/"',
        'data-sign-in-url="/entrer/"',
        'data-user="1204"',
        'data-single-keys="on"',
        'data-icons="/static/icons.svg"',
        "X-CSRFToken",
        '"allowEval":false',
        '"includeIndicatorStyles":false',
    ):
        assert attribute in html
    assert html.count('id="announcements"') == html.count('aria-live="polite"') == 1
    assert 'data-single-keys="off"' in page(user=SimpleNamespace(**{**vars(site.USER), "single_keys": False}))


def test_nobody_signed_in_means_no_search_no_scanner_and_no_sign_out(page):
    html = page(user=SimpleNamespace(is_authenticated=False), nav=[], search_url="")
    assert "data-scan-url" not in html and "data-sign-out" not in html and 'role="search"' not in html


def test_a_search_never_puts_a_name_or_a_number_in_an_address(page):
    assert re.search(r'<form class="find"[^>]*method="post"', page())


def test_messages_become_notices(page):
    message = SimpleNamespace(level_tag="success", __str__=lambda self: "x")
    html = page(messages=[message])
    assert 'class="notice notice-ok"' in html and "#i-circle-check" in html
