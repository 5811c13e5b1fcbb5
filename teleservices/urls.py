"""Addresses of the live parts of the calls, and of their metrics.

The floor below shows what this one knows of an arrival without importing it: the hint is registered with the addresses,
before the first request.
"""

from django.urls import path

from admissions.arrivals import register_hint
from teleservices import views
from teleservices.metrics import metrics

app_name = "teleservices"
urlpatterns = [
    path("metrics/", metrics, name="metrics"),
    path("appels/sejour/<str:iep>/", views.stay_calls, name="stay-calls"),
    path("appels/sejour/<str:iep>/chronologie/", views.stay_timeline, name="stay-timeline"),
    path("appels/sejour/<str:iep>/<int:call_id>/prevenu/", views.patient_informed, name="patient-informed"),
]

register_hint("teleservices.hints.missing_of")
