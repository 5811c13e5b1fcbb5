"""Addresses of the home page and of the lists."""

from django.urls import path

from worklists import (
    views,
    views_anomalies,
    views_connection,
    views_connection_tests,
    views_fragments,
    views_home,
    views_perimeter,
    views_rules,
    views_supervision,
)

app_name = "worklists"
urlpatterns = [
    path("", views_home.home, name="home"),
    path("systeme/", views_home.system_panel, name="system"),
    path("technique/relancer/", views_home.rearm, name="rearm"),
    path("supervision/", views_supervision.screen, name="supervision"),
    path("supervision/limites/", views_supervision.change_limit, name="change-limit"),
    path("supervision/maintenances/", views_supervision.announce, name="announce-maintenance"),
    path("supervision/maintenances/<int:pk>/fin/", views_supervision.end_maintenance, name="end-maintenance"),
    path("supervision/canaux/<int:pk>/essai/", views_supervision.try_now, name="try-channel"),
    path("raccordement/", views_connection.plan, name="connection"),
    path("raccordement/export/<slug:kind>/", views_connection.export_plan, name="connection-export"),
    path("raccordement/tests/", views_connection_tests.tests, name="connection-tests"),
    path("raccordement/tests/lancer/", views_connection_tests.start, name="start-connection-test"),
    path("raccordement/tests/<int:pk>/", views_connection_tests.test_screen, name="connection-test"),
    path("raccordement/tests/<int:pk>/arreter/", views_connection_tests.stop, name="stop-connection-test"),
    path("raccordement/tests/<int:pk>/pv.pdf", views_connection_tests.record, name="connection-record"),
    path("perimetre/", views_perimeter.perimeter_screen, name="perimeter"),
    path("perimetre/mode/", views_perimeter.move, name="move-perimeter"),
    path("perimetre/organismes/", views_perimeter.name_amc, name="name-amc"),
    path("perimetre/organismes/<int:pk>/retirer/", views_perimeter.remove_amc, name="remove-amc"),
    path("codes/", views.codes, name="codes"),
    path("regles/", views_rules.rules, name="rules"),
    path("regles/limites/", views_rules.change_limit, name="change-rule-limit"),
    path("regles/essais/", views_rules.change_retry, name="change-rule-retry"),
    path("anomalies/<int:pk>/", views_anomalies.anomaly, name="anomaly"),
    path("anomalies/<int:pk>/preuve.zip", views_anomalies.evidence_pack, name="anomaly-evidence"),
    path("listes/", views.index, name="index"),
    path("listes/<slug:slug>/", views.worklist, name="list"),
    path("listes/<slug:slug>/actions/", views.act, name="act"),
    path("listes/<slug:slug>/export/<slug:kind>/", views.export_list, name="export"),
    path("fragments/debiteurs/<int:pk>/appels/", views_fragments.debtor_calls, name="debtor-calls"),
    path("fragments/associations/<int:pk>/sejours/", views_fragments.association_stays, name="association-stays"),
]
