"""The sentences of the calls, apart from the logic that chooses among them. French, for people at a desk."""

from __future__ import annotations

from typing import Final

from teleservices.enums import Disposition
from teleservices.messages import Operation

NOTHING: Final = "Rien."

ASKS: Final = {
    Operation.DIRECTORY: "adresse de l’organisme",
    Operation.IDB: "droits de la complémentaire",
    Operation.SIM: "simulation du séjour",
    Operation.CLC: "engagement de paiement",
    Operation.DEL: "annulation de l’engagement",
    Operation.INSI: "identité nationale",
    Operation.INSV: "vérification de l’INS",
    Operation.CDRI: "droits de l’assurance maladie",
}

#: Why a call stopped before leaving: what only a référent can mend. One sentence a cause, a fallback for the others.
CAUSES: Final = {
    "directory_url_missing": "l’adresse de l’annuaire n’est pas réglée",
    "idb_url_missing": "l’annuaire ne donne pas l’adresse des droits de cet organisme",
    "sim_url_missing": "l’annuaire ne donne pas l’adresse des simulations de cet organisme",
    "clc_url_missing": "l’annuaire ne donne pas l’adresse des engagements de cet organisme",
    "del_url_missing": "l’annuaire ne donne pas l’adresse des annulations de cet organisme",
    "certificate_file_missing": "un certificat de l’établissement est absent",
    "certificate_file_unreadable": "un certificat de l’établissement est illisible",
    "server_certificate_refused": "le certificat de l’organisme n’est pas reconnu",
    "client_certificate_refused": "l’organisme refuse le certificat de l’établissement",
    "tls_incompatible": "la liaison sécurisée avec l’organisme est impossible",
    "address_not_https": "l’adresse de l’organisme n’est pas sécurisée",
    "address_refused": "l’adresse de l’organisme n’est pas de celles que nos réglages permettent",
    "invalid_request": "notre message n’est pas conforme au contrat",
    "insi_url_missing": "l’adresse d’INSi n’est pas réglée",
    "insi_test_matricule": "INSi rend des matricules de test, qu’une production n’accepte pas",
    "insi_desir_550": "INSi ne connaît pas l’autorisation de notre logiciel",
    "insi_desir_560": "le certificat ne donne pas accès à INSi",
    "restored": "l’hôpital est revenu à une sauvegarde\u00a0: ce message est peut-être déjà parti",
    "too_many_simulations": "le séjour a atteint le nombre de simulations permis",
}

#: What a try met on the wire, for who looks after the liaison. The others are answers that cannot be read.
FAILURES: Final = {
    "bad_address": "adresse impossible",
    "unknown_host": "nom de serveur inconnu",
    "connect_timeout": "connexion sans réponse",
    "connection_refused": "connexion refusée",
    "connection_failed": "connexion impossible",
    "tls_handshake_failed": "liaison sécurisée impossible",
    "connection_cut": "connexion coupée",
    "read_timeout": "réponse trop longue à venir",
    "deadline_exceeded": "réponse trop longue à venir",
    "not_http": "réponse qui n’est pas du HTTP",
    "soap_server": "faute du serveur",
}


def failure_words(cause: str) -> str:
    """`cause` of a failure: the reason of a try, or a return code by which the other side says that it can't."""
    if cause.startswith("http_"):
        return f"statut HTTP\u00a0{cause[5:]}"
    if cause[:2].isupper():
        return f"se dit indisponible ({cause})"
    return FAILURES.get(cause, "réponse illisible")


#: Causes of a new try, as a list or a rule names them.
RETRIED: Final = {
    "unavailable": "Organisme indisponible",
    "not_sent": "Organisme injoignable, rien n’est parti",
    "circuit_open": "Organisme en panne, appels suspendus",
    "maintenance": "Maintenance annoncée",
    "lost": "Parti, réponse perdue",
    "invalid": "Réponse illisible",
    "apply_failed": "Réponse reçue, pas encore prise en compte",
}


def retry_words(cause: str) -> str:
    return RETRIED.get(cause, cause)


#: Why a call is held back for all alike: what happened, the line, what the system does.
HELD_BACK: Final = {
    "circuit_open": (
        "{payer} ne répond plus à personne\u00a0: les appels sont suspendus.",
        "Organisme en panne",
        "Un seul appel va voir si l’organisme est revenu, les autres suivent. Celui-ci repart {at}.",
    ),
    "maintenance": (
        "{payer} est en maintenance annoncée.",
        "Maintenance annoncée",
        "L’appel part seul à la fin de la maintenance, {at}.",
    ),
}

POINTLESS: Final = {
    "kept_secret": "L’identité est tenue secrète\u00a0: rien n’est demandé à un organisme.",
    "stay_cancelled": "Le séjour a été annulé : la question n’a plus d’objet.",
    "stay_discharged": "Le patient est sorti, la simulation laisse la place à l’engagement.",
    "coverage_replaced": "La couverture a été remplacée : la question n’a plus d’objet.",
    "outside_perimeter": "Cet organisme est sorti du périmètre ROC de l’établissement.",
    "identity_settled": "L’identité est connue, ou INSi ne peut pas la chercher.",
    "nir_missing": "Le NIR est inconnu : l’organisme ne peut pas chercher le patient.",
    "price_not_decided": "Le prix du séjour n’est pas encore décidé : il n’y avait rien à demander.",
    "nothing_to_bill": "Il n’y a rien à facturer pour l’instant.",
    "stay_not_discharged": "Le patient n’est pas sorti : l’engagement se demande à la sortie.",
    "engagement_gone": "L’engagement était déjà annulé.",
}

ANSWERED: Final = {
    Operation.DIRECTORY: "Organisme trouvé",
    Operation.IDB: "Droits reçus",
    Operation.SIM: "Simulation reçue",
    Operation.CLC: "Engagement reçu",
    Operation.DEL: "Engagement annulé",
    Operation.INSI: "Identité trouvée",
    Operation.INSV: "INS vérifiée",
    Operation.CDRI: "Droits reçus",
}
#: What INSi answered, when it is not one identity.
FOUND: Final = {"01": "Aucune identité sous ces traits", "02": "Plusieurs identités sous ces traits"}

#: Disposition → what the system does, what you can do, what is offered in place, the chip and its tone.
SEQUELS: Final[dict[str, tuple[str, str, str, str, str]]] = {
    Disposition.INFORM_PATIENT: (
        "L’appel est arrêté. Sans autre carte, le séjour sera facturé sans cet organisme.",
        "Une autre carte\u202f? Scannez-la, tout repart.",
        "inform",
        "Refusé",
        "stop",
    ),
    Disposition.ASK_MEMBER_NUMBER: (
        "L’appel est arrêté. Il repart dès qu’un n° est saisi. Rien n’est facturé à cet organisme.",
        "",
        "member_number",
        "N° d’adhérent à saisir",
        "stop",
    ),
    Disposition.WAIT_ALIGNMENT: (
        "L’appel attend que les deux régimes s’accordent. Il repart dès que l’assurance maladie du dossier change.",
        "Rien, sauf si la caisse du dossier n’est pas la bonne\u202f: corrigez-la.",
        "",
        "Régimes différents, en attente",
        "wait",
    ),
    Disposition.REPLAY_WITH_ENTRY_DATE: (
        "L’appel repart seul avec la date d’entrée.",
        NOTHING,
        "",
        "Rappel automatique",
        "wait",
    ),
    Disposition.RETRY: ("L’appel repart seul.", NOTHING, "", "Nouvel essai prévu", "wait"),
    Disposition.REFERENT: (
        "L’appel est arrêté et montré au référent. Il repart dès que le réglage est corrigé.",
        "Rien à l’accueil. Le dossier avance sans attendre.",
        "",
        "Refusé, au référent",
        "stop",
    ),
    Disposition.ESCALATE: (
        "L’anomalie est signalée une fois pour tous les dossiers touchés. La réponse est gardée.",
        "Rien à l’accueil. Le dossier avance sans attendre.",
        "",
        "Refusé, anomalie signalée",
        "stop",
    ),
    Disposition.STORE: (
        "La réponse est gardée telle quelle et montrée au référent, qui classera ce code.",
        "Rien à l’accueil. Le dossier avance sans attendre.",
        "",
        "Code inconnu, au référent",
        "stop",
    ),
}
