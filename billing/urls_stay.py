"""Addresses of the money on the screens of a stay, and what it adds to the timeline of the floor below."""

from django.urls import path

from billing import views_agreement, views_letters, views_stay
from teleservices.timeline import register_details, register_source, register_upcoming

urlpatterns = [
    path("facturation/sejour/<str:iep>/reste/", views_stay.stay_estimate, name="stay-estimate"),
    path("facturation/sejour/<str:iep>/factures/", views_stay.stay_invoices, name="stay-invoices"),
    path("facturation/sejour/<str:iep>/actes/", views_stay.stay_activity, name="stay-activity"),
    path("facturation/sejour/<str:iep>/simuler/", views_stay.simulate_now, name="simulate-now"),
    path("facturation/sejour/<str:iep>/avis-tiers-payant/", views_stay.third_party_notice, name="third-party-notice"),
    path("facturation/sejour/<str:iep>/prise-en-charge/", views_agreement.agreement, name="stay-agreement"),
    path("facturation/sejour/<str:iep>/prise-en-charge/demander/", views_agreement.ask, name="ask-agreement"),
    path(
        "facturation/sejour/<str:iep>/prise-en-charge/lettre.pdf",
        views_agreement.agreement_letter,
        name="agreement-letter",
    ),
    path("facturation/sejour/<str:iep>/prise-en-charge/joindre/", views_letters.attach, name="letter-attach"),
    path("facturation/sejour/<str:iep>/prise-en-charge/lu/", views_letters.letter_read, name="letter-read"),
    path(
        "facturation/sejour/<str:iep>/prise-en-charge/courriers/<int:pk>/retirer/",
        views_letters.letter_detach,
        name="letter-detach",
    ),
    path(
        "facturation/sejour/<str:iep>/prise-en-charge/courriers/<int:pk>/<int:page>/",
        views_letters.letter_page,
        name="letter-page",
    ),
    path("facturation/tarif/<slug:code>/", views_stay.request_price, name="request-price"),
]

register_source("billing.stay_money.timeline_entries")
register_details("billing.stay_money.call_details")
register_source("billing.pec.timeline.entries")
register_upcoming("billing.stay_money.upcoming_steps")
