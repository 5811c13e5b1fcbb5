"""Root of the addresses: one include an app, by name."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from gap.api.views import DocumentationView

urlpatterns = [
    path("", include("worklists.urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.oauth.urls")),
    path("", include("admissions.urls")),
    path("", include("teleservices.urls")),
    path("", include("billing.urls")),
    path("debiteurs/", include("debtors.urls")),
    path("api/v1/", include("gap.api.urls")),
    path("api/schema/", login_not_required(SpectacularAPIView.as_view()), name="schema"),
    path("api/", login_not_required(DocumentationView.as_view(url_name="schema")), name="api-docs"),
]
handler400 = "gap.views.bad_request"
handler403 = "gap.views.forbidden"
handler404 = "gap.views.not_found"
handler500 = "gap.views.server_error"
