"""Addresses of signing in and out, and of a person's own settings."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("connexion/", views.SignIn.as_view(), name="sign-in"),
    path("deconnexion/", views.sign_out, name="sign-out"),
    path("touches/", views.single_keys, name="single-keys"),
]
