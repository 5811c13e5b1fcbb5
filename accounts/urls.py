"""Addresses of signing in and out, and of a person's own settings."""

from django.urls import path

from accounts import views, views_account

app_name = "accounts"
urlpatterns = [
    path("connexion/", views.SignIn.as_view(), name="sign-in"),
    path("connexion/code/", views.second_factor_asked, name="second-factor"),
    path("deconnexion/", views.sign_out, name="sign-out"),
    path("touches/", views.single_keys, name="single-keys"),
    path("compte/", views_account.account, name="account"),
    path("compte/mot-de-passe/", views_account.change_password, name="change-password"),
    path("compte/sessions/fermer/", views_account.end_other_sessions, name="end-sessions"),
    path("compte/telephone/", views_account.enrol, name="enrol"),
    path("compte/secours/", views_account.new_codes, name="new-codes"),
]
