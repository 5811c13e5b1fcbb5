"""Settings of the description of the API. Read by `gap.settings`: nothing is imported here."""

from __future__ import annotations

_DESCRIPTION = """
Admissions, droits, facturation et recouvrement : la même chaîne que les écrans, par les mêmes règles.

**Se connecter.** Chaque programme a son identifiant, une preuve (secret, signature ou certificat) et les portées qu’il lui
faut, une par une. Il demande à `POST /api/oauth/token` un jeton de quelques minutes (OAuth 2, `client_credentials`), et
l’envoie (`Authorization: Bearer …`). `POST /api/oauth/revoke` y met fin, `POST /api/oauth/secret` renouvelle le secret.
Il ne voit que son établissement ; le reste répond 404.

**Nommer.** Un patient par son IPP, un séjour par son IEP, une facture par son numéro, un appel par son `message_id`.
Aucun NIR ne voyage dans une adresse : la recherche par NIR est `POST /api/v1/patients/search`.

**Écrire sans risque.** L’en-tête `Idempotency-Key` est accepté par tout POST, et obligatoire pour créer ou encaisser.
Un champ ou un paramètre inconnu est refusé (400) plutôt qu’ignoré. Une correction porte la `version` lue ; si la
ressource a changé depuis, la réponse est 409 et rien n’est écrasé.

**Erreurs.** `application/problem+json` (RFC 9457), en français : `detail` pour une personne, `type` pour un programme ;
400 = demande mal formée, champ par champ dans `errors` ; 422 = demande comprise et refusée par une règle, avec
`message`, `kept` (ce qui est gardé) et `todo` (ce qu’il faut faire).

**Dates.** `AAAA-MM-JJ` ; instants ISO 8601 avec leur décalage. **Montants** en euros,
deux décimales, dans une chaîne (`"12.50"`).
""".strip()

SPECTACULAR_SETTINGS = {
    "TITLE": "mini-GAP",
    "DESCRIPTION": _DESCRIPTION,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # No badge from an outside validator, no token kept by the browser.
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "validatorUrl": None,
        "persistAuthorization": False,
        "defaultModelsExpandDepth": 0,
        "docExpansion": "list",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    # Docstrings speak to us, in English; what is published is said in French, on purpose.
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "SORT_OPERATIONS": False,
    "TAGS": [
        {"name": "Patients", "description": "Identités : chercher, créer, corriger."},
        {"name": "Séjours", "description": "De la pré-admission à la sortie."},
        {"name": "Cartes et couvertures", "description": "Qui paie, et comment on le sait."},
        {"name": "Appels", "description": "Ce qui a été demandé aux organismes, essai par essai."},
        {
            "name": "Abonnements",
            "description": "Être prévenu\u00a0: des messages signés, brefs, remis au moins une fois.",
        },
        {"name": "Factures", "description": "Une facture par payeur ; rejets, corrections, paiements."},
        {"name": "Échanges", "description": "Fichiers envoyés et reçus, enregistrement par enregistrement."},
        {"name": "Listes de travail", "description": "Ce qui attend une personne, compté puis ligne à ligne."},
        {"name": "Débiteurs", "description": "Fiches, et associations entre cartes et débiteurs."},
    ],
    "ENUM_NAME_OVERRIDES": {
        "StayStatus": "admissions.enums.StayStatus",
        "StayKind": "admissions.enums.StayKind",
        "Domain": "admissions.enums.Domain",
        "CoverageKind": "admissions.enums.CoverageKind",
        "CoverageSource": "admissions.enums.CoverageSource",
        "EventKind": "admissions.enums.EventKind",
        "RightsStatus": "admissions.enums.RightsStatus",
        "DischargeMode": "admissions.enums.DischargeMode",
        "CallStatus": "teleservices.enums.CallStatus",
        "Family": "teleservices.enums.Family",
        "Disposition": "teleservices.enums.Disposition",
        "AttemptOutcome": "teleservices.enums.AttemptOutcome",
        "InvoiceStatus": "billing.enums.InvoiceStatus",
        "EngagementStatus": "billing.enums.EngagementStatus",
        "AgreementState": "billing.enums.AgreementState",
        "AgreementAct": "billing.enums.AgreementAct",
        "Covered": "billing.enums.Covered",
        "FileKind": "billing.enums.FileKind",
        "FileStatus": "billing.enums.FileStatus",
        "FileDirection": "billing.enums.FileDirection",
        "RecordStatus": "billing.enums.RecordStatus",
        "Payer": "billing.enums.Payer",
        "DebtorKind": "debtors.enums.DebtorKind",
        "AssociationStatus": "debtors.enums.AssociationStatus",
        "MatchLevel": "debtors.enums.MatchLevel",
    },
}
