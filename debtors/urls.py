"""Addresses of the debtors and of the associations."""

from django.urls import path

from debtors import views

app_name = "debtors"
urlpatterns = [
    path("", views.index, name="index"),
    path("<int:pk>/", views.debtor, name="debtor"),
    path("choix/", views.choices, name="choices"),
    path("associations/", views.associations, name="associations"),
    path("associations/<int:pk>/", views.association, name="association"),
    path("associations/<int:pk>/decision/", views.decide, name="decide"),
]
