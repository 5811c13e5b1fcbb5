"""Addresses of invoices and exchanges, and of the money on the screens of a stay."""

from django.urls import include, path

from billing import views_agreement, views_exchanges, views_invoices

app_name = "billing"
urlpatterns = [
    path("", include("billing.urls_stay")),
    path("factures/", views_invoices.invoices, name="invoices"),
    path("factures/<str:number>/", views_invoices.invoice, name="invoice"),
    path("factures/<str:number>/corriger/", views_invoices.correct, name="invoice-correct"),
    path("factures/<str:number>/recalculer/", views_invoices.recalculate, name="invoice-recalculate"),
    path("factures/<str:number>/paiement/", views_invoices.pay, name="invoice-pay"),
    path("factures/<str:number>/envoyee/", views_agreement.invoice_left, name="invoice-left"),
    path("echanges/", views_exchanges.exchanges, name="exchanges"),
    path("echanges/depot/", views_exchanges.exchange_import, name="exchange-import"),
    path("echanges/<int:pk>/", views_exchanges.exchange, name="exchange"),
    path("echanges/<int:pk>/fichier/", views_exchanges.exchange_download, name="exchange-download"),
    path("echanges/lignes/<int:pk>/", views_exchanges.exchange_record, name="exchange-record"),
    path("echanges/lignes/<int:pk>/rapprocher/", views_exchanges.exchange_match, name="exchange-match"),
]
