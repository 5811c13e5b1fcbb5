"""Causes that stop calls, in words: what is wrong, and what mends it. A cause nobody named is shown as it is."""

from __future__ import annotations

from typing import Final

_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "directory_url_missing": (
        "Adresse de l’annuaire AMC absente",
        "Renseignez l’adresse de l’annuaire dans les réglages du serveur, puis relancez.",
    ),
    "idb_url_missing": (
        "L’annuaire ne donne pas d’adresse IDB",
        "L’organisme n’a pas ouvert IDB : voyez-le avec lui, puis relancez.",
    ),
    "sim_url_missing": (
        "L’annuaire ne donne pas d’adresse SIM",
        "L’organisme n’a pas ouvert SIM : voyez-le avec lui, puis relancez.",
    ),
    "clc_url_missing": (
        "L’annuaire ne donne pas d’adresse CLC",
        "L’organisme n’a pas ouvert CLC : voyez-le avec lui, puis relancez.",
    ),
    "del_url_missing": (
        "L’annuaire ne donne pas d’adresse DEL",
        "L’organisme n’a pas ouvert DEL : voyez-le avec lui, puis relancez.",
    ),
    "address_not_https": (
        "Adresse d’un service sans TLS",
        "L’annuaire donne une adresse non sécurisée : signalez-le à l’organisme, puis relancez.",
    ),
    "address_refused": (
        "Adresse refusée",
        "L’annuaire donne une adresse hors de la liste permise, ou de notre propre réseau. Vérifiez-la avec "
        "l’organisme ; si elle est juste, l’administrateur l’ajoute aux réglages du serveur, et les appels repartent seuls.",
    ),
    "certificate_file_missing": (
        "Fichier de certificat absent",
        "Importez le certificat logiciel dans « Certificats », ou remettez ses fichiers en place, puis relancez.",
    ),
    "certificate_file_unreadable": (
        "Certificat ou clé illisible",
        "Importez un certificat logiciel valide dans « Certificats », puis relancez.",
    ),
    "certificate_missing": (
        "Le certificat en service a disparu",
        "Importez-le de nouveau dans « Certificats » : les appels repartent seuls.",
    ),
    "certificate_key_lost": (
        "La clé du certificat ne se déchiffre plus",
        "La clé de chiffrement du serveur a changé : remettez l’ancienne avec la nouvelle, ou importez le certificat.",
    ),
    "client_certificate_refused": (
        "Notre certificat est refusé par l’organisme",
        "Certificat expiré, révoqué ou non déclaré : faites-le déclarer, ou mettez le nouveau en service dans « Certificats ».",
    ),
    "server_certificate_refused": (
        "Le certificat de l’organisme n’est pas reconnu",
        "« Certificats » dit lequel et pourquoi. Vérifiez auprès de l’organisme, sans contourner ; reconnue, tout repart.",
    ),
    "tls_incompatible": (
        "Aucune version de TLS en commun",
        "L’organisme doit accepter TLS 1.2 au moins : signalez-le-lui, puis relancez.",
    ),
    "invalid_request": (
        "Notre message ne respecte pas le contrat",
        "Donnée du dossier hors format, ou défaut du logiciel : signalez-le à l’éditeur, corrigez, puis relancez.",
    ),
    "restored": (
        "Peut-être déjà parti avant la restauration",
        "L’hôpital est revenu à une sauvegarde. Demandez à l’organisme s’il a déjà cet engagement ou cette annulation\u00a0; "
        "sinon, relancez.",
    ),
    "insi_url_missing": (
        "Adresse d’INSi absente",
        "Renseignez l’adresse d’INSi dans les réglages du serveur, puis relancez.",
    ),
    "insi_test_matricule": (
        "INSi rend des matricules de test",
        "L’adresse réglée est celle d’un service de test : mettez celle de production, puis relancez. Rien n’est gardé.",
    ),
    "insi_desir_550": (
        "INSi ne connaît pas notre logiciel",
        "Vérifiez le numéro d’autorisation (INSI_AUTHORISATION) avec l’éditeur, puis relancez.",
    ),
    "insi_desir_560": (
        "Le certificat ne donne pas accès à INSi",
        "Il faut un certificat logiciel au nom INSI-AUTO : importez-le, mettez-le en service, puis relancez.",
    ),
    "too_many_simulations": (
        "Trop de simulations pour un même séjour",
        "Le suivi du séjour dit ce qui les déclenche. Voyez si c’est normal, puis relancez : une de plus part.",
    ),
}


def words_of_cause(cause: str) -> tuple[str, str]:
    """(What is wrong, what mends it)."""
    if known := _CAUSES.get(cause):
        return known
    if cause.startswith("soap_"):
        return (
            "Message refusé par l’organisme",
            "Le service répond par une faute technique : signalez-la à l’éditeur avec l’heure, puis relancez.",
        )
    return (f"Cause technique « {cause} »", "Signalez-la à l’éditeur avec l’heure de l’appel, puis relancez.")
