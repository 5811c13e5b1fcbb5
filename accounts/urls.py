"""Addresses of signing in and out, and of a person's own settings."""

from django.urls import path

from accounts import views, views_account, views_people, views_psc, views_workstation

app_name = "accounts"
urlpatterns = [
    path("connexion/", views.SignIn.as_view(), name="sign-in"),
    path("connexion/code/", views.second_factor_asked, name="second-factor"),
    path("connexion/psc/", views_psc.leave, name="psc"),
    path("connexion/psc/retour/", views_psc.come_back, name="psc-return"),
    path("compte/psc/", views_psc.link, name="psc-link"),
    path("compte/psc/retirer/", views_psc.unlink, name="psc-unlink"),
    path("deconnexion/", views.sign_out, name="sign-out"),
    path("poste/", views_workstation.enter, name="enter"),
    path("poste/verrouiller/", views_workstation.lock, name="lock"),
    path("poste/presence/", views_workstation.presence, name="presence"),
    path("poste/autre/", views_workstation.leave, name="leave"),
    path("touches/", views.single_keys, name="single-keys"),
    path("compte/", views_account.account, name="account"),
    path("compte/mot-de-passe/", views_account.change_password, name="change-password"),
    path("compte/pin/", views_account.set_pin, name="set-pin"),
    path("compte/badge/", views_account.set_badge, name="set-badge"),
    path("compte/acces-rapide/retirer/", views_account.remove_quick_access, name="remove-quick-access"),
    path("compte/sessions/fermer/", views_account.end_other_sessions, name="end-sessions"),
    path("compte/telephone/", views_account.enrol, name="enrol"),
    path("compte/secours/", views_account.new_codes, name="new-codes"),
    path("bienvenue/", views_people.welcome, name="welcome"),
    path("comptes/", views_people.people, name="people"),
    path("comptes/revue.<str:form>", views_people.review, name="review"),
    path("comptes/nouveau/", views_people.new_person, name="new-person"),
    path("comptes/<int:pk>/", views_people.person, name="person"),
    path("comptes/<int:pk>/role/", views_people.give_role, name="give-role"),
    path("comptes/<int:pk>/role/retirer/", views_people.take_role, name="take-role"),
    path("comptes/<int:pk>/fermer/", views_people.deactivate, name="deactivate"),
    path("comptes/<int:pk>/rouvrir/", views_people.reactivate, name="reactivate"),
    path("comptes/<int:pk>/code/", views_people.invite, name="invite"),
    path("comptes/<int:pk>/telephone/", views_people.reset_factor, name="reset-factor"),
    path("comptes/<int:pk>/rpps/", views_people.set_professional, name="set-professional"),
    path("comptes/<int:pk>/sessions/", views_people.end_sessions, name="end-person-sessions"),
]
