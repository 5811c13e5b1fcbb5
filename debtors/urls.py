"""Addresses of the debtors and of the associations."""

from django.urls import path

from debtors import views, views_associations, views_doubles, views_imports, views_merges, views_records

app_name = "debtors"
urlpatterns = [
    path("", views.index, name="index"),
    path("<int:pk>/", views.debtor, name="debtor"),
    path("<int:pk>/fiche/", views_records.edit, name="edit"),
    path("<int:pk>/rendre/", views_records.let_go, name="let-go"),
    path("<int:pk>/fusion/", views_merges.merge, name="merge"),
    path("<int:pk>/activite/", views_merges.set_active, name="set-active"),
    path("fusions/<int:pk>/defaire/", views_merges.unmerge, name="unmerge"),
    path("changements/<int:pk>/", views_records.decide_change, name="decide-change"),
    path("imports/", views_imports.imports, name="imports"),
    path("imports/<int:pk>/", views_imports.one, name="import"),
    path("imports/<int:pk>/appliquer/", views_imports.apply, name="apply-import"),
    path("imports/<int:pk>/abandonner/", views_imports.drop, name="drop-import"),
    path("imports/<int:pk>/relancer/", views_imports.restart, name="restart-import"),
    path("imports/<int:pk>/reprendre/", views_imports.take_back, name="take-back-import"),
    path("imports/<int:pk>/rendre/", views_imports.give_back, name="give-back-import"),
    path("imports/<int:pk>/doublons/", views_doubles.doubles, name="import-doubles"),
    path("imports/<int:pk>/refus.csv", views_imports.refusals, name="import-refusals"),
    path("choix/", views.choices, name="choices"),
    path("associations/", views_associations.associations, name="associations"),
    path("associations/<int:pk>/", views_associations.association, name="association"),
    path("associations/<int:pk>/decision/", views_associations.decide, name="decide"),
    path("associations/decisions/<uuid:batch>/annuler/", views_associations.undo, name="undo"),
]
