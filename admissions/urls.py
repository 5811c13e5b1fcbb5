"""Addresses of the reception: a patient by IPP, a stay by IEP. No name and no NIR, ever."""

from django.urls import path, re_path

from admissions.views import (
    admission,
    arrivals,
    at_once,
    cards,
    glass,
    identity,
    merging,
    patients,
    presence,
    reentry,
    search,
    stays,
)

app_name = "admissions"

_STAY = "sejours/<str:iep>/"

urlpatterns = [
    path("admissions/", arrivals.arrivals, name="arrivals"),
    path("admissions/panneau/", arrivals.panel, name="arrivals-panel"),
    path("admissions/export.<str:form>", arrivals.export, name="arrivals-export"),
    path("admissions/nouvelle/", patients.new, name="new"),
    path("admissions/inconnu/", at_once.unknown, name="unknown"),
    path("reprise/", reentry.reentry, name="reentry"),
    path("reprise/feuille/", reentry.find, name="find-sheet"),
    path("reprise/panne/", reentry.outage, name="declare-outage"),
    path("reprise/<str:iep>/", reentry.sheet, name="sheet"),
    path("reprise/<str:iep>/annuler/", reentry.void, name="void-sheet"),
    path("reprise/<str:iep>/distribuees/", reentry.close_set, name="close-set"),
    path("recherche/", search.search, name="search"),
    path("carte/", cards.scan, name="scan"),
    path("carte/attente/", cards.scan_ahead, name="scan-ahead"),
    path("patients/<str:ipp>/", patients.patient, name="patient"),
    path("patients/<str:ipp>/fusionner/", merging.merge, name="merge"),
    path("patients/<str:ipp>/fusionner/defaire/", merging.unmerge, name="unmerge"),
    path("patients/<str:ipp>/identite/", patients.identity, name="identity"),
    path("patients/<str:ipp>/identite/piece/", identity.check, name="identity-check"),
    path("patients/<str:ipp>/identite/signaler/", identity.report, name="identity-report"),
    path("patients/<str:ipp>/identite/trancher/", identity.settle, name="identity-settle"),
    path("patients/<str:ipp>/identite/historique/", identity.history, name="identity-history"),
    path("patients/<str:ipp>/identite/proposee/", identity.decide, name="identity-decide"),
    path("patients/<str:ipp>/ouvrir/", glass.open_protected, name="open-protected"),
    path("patients/<str:ipp>/protection/", glass.protect, name="protect"),
    path("patients/<str:ipp>/sejour/", admission.new_stay, name="new-stay"),
    path(_STAY, stays.stay, name="stay"),
    path(f"{_STAY}admission/", admission.admission, name="admission"),
    path(f"{_STAY}identite/", identity.part, name="identity-part"),
    path(f"{_STAY}carte/", cards.stay_scan, name="stay-scan"),
    path(f"{_STAY}carte/<int:card_id>/photo/", cards.card_picture, name="card-picture"),
    path(f"{_STAY}carte/<int:card_id>/organisme/", cards.card_grid, name="card-grid"),
    path(f"{_STAY}carte/<int:card_id>/organisme/lignes/", cards.card_grid_rows, name="card-grid-rows"),
    path(f"{_STAY}carte/<int:card_id>/organisme/choix/", cards.choose_debtor, name="choose-debtor"),
    re_path(r"^sejours/(?P<iep>[^/]+)/couverture/(?P<part>amo|amc|coverages)/$", cards.coverage_part, name="coverage"),
    re_path(r"^sejours/(?P<iep>[^/]+)/declarer/(?P<kind>amo|amc)/$", cards.declare, name="declare"),
    re_path(r"^sejours/(?P<iep>[^/]+)/declarer/(?P<kind>amo|amc)/lignes/$", cards.declare_rows, name="declare-rows"),
    path(f"{_STAY}couverture/<int:coverage_id>/adherent/", cards.member_number, name="member-number"),
    re_path(r"^sejours/(?P<iep>[^/]+)/demandes/(?P<code>CHP|REP)/$", admission.request_toggle, name="request-toggle"),
    path(f"{_STAY}droits/", admission.ask_rights, name="ask-rights"),
    path(f"{_STAY}reprendre/", cards.take_over, name="take-over"),
    path(f"{_STAY}presence/", presence.presence, name="presence"),
    path(f"{_STAY}resume/", stays.summary, name="summary"),
    path(f"{_STAY}<slug:slug>/", stays.act, name="act"),
]
