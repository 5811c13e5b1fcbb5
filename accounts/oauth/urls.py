"""Addresses where programs get and end their tokens."""

from django.urls import path

from accounts.oauth import views

urlpatterns = [
    path("api/oauth/token", views.token, name="oauth-token"),
    path("api/oauth/revoke", views.revoke, name="oauth-revoke"),
    path("api/oauth/secret", views.secret, name="oauth-secret"),
    path(".well-known/oauth-authorization-server", views.metadata, name="oauth-metadata"),
]
