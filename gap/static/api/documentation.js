"use strict";
// Swagger UI speaks English only: its own words are put in French as they appear. What the description says, in French
// already, matches none of these.
(() => {
  const words = {
    "Authorize": "S’identifier",
    "Authorized": "Identifié",
    "Available authorizations": "Moyens de s’identifier",
    "Logout": "Oublier le jeton",
    "Close": "Fermer",
    "Value:": "Valeur :",
    "Parameters": "Paramètres",
    "No parameters": "Aucun paramètre",
    "Name": "Nom",
    "Description": "Description",
    "Request body": "Corps de la demande",
    "Responses": "Réponses",
    "Response": "Réponse",
    "Server response": "Réponse du serveur",
    "Response body": "Corps de la réponse",
    "Response headers": "En-têtes de la réponse",
    "Response content type": "Format de la réponse",
    "Request URL": "Adresse demandée",
    "Request duration": "Durée",
    "Curl": "Commande curl",
    "Code": "Code",
    "Details": "Détail",
    "Links": "Liens",
    "No links": "Aucun lien",
    "Headers:": "En-têtes :",
    "Type": "Type",
    "Media type": "Format",
    "Controls": "Commande l’en-tête",
    "header.": "",
    "Accept": "Accept",
    "Example Value": "Exemple",
    "Examples": "Exemples",
    "Examples:": "Exemples :",
    "Example": "Exemple",
    "Example Description": "Description de l’exemple",
    "Schema": "Forme",
    "Schemas": "Formes",
    "Model": "Forme",
    "Try it out": "Essayer",
    "Cancel": "Annuler",
    "Reset": "Remettre à zéro",
    "Execute": "Envoyer",
    "Clear": "Effacer",
    "Download": "Télécharger",
    "Loading": "Chargement",
    "Loading...": "Chargement…",
    "required": "obligatoire",
    "* required": "* obligatoire",
    "Send empty value": "Envoyer une valeur vide",
    "Add string item": "Ajouter une valeur",
    "Expand all": "Tout déplier",
    "Collapse all": "Tout replier",
    "Available values": "Valeurs admises",
    "Default value": "Valeur par défaut",
    "Servers": "Serveurs",
    "Copy to clipboard": "Copier",
    "Response not documented": "Réponse non décrite",
    "Undocumented": "Non décrite",
    "Unauthorized": "Non identifié",
    "Error": "Erreur",
    "(http, Bearer)": "(jeton)",
    "(OAuth2, clientCredentials)": "(OAuth 2)",
    "Token URL:": "Adresse des jetons :",
    "Flow:": "Manière :",
    "Scopes:": "Portées :",
    "select all": "toutes",
    "select none": "aucune",
    "Application:": "Programme :",
    "Scopes are used to grant an application different levels of access to data on behalf of the end user. Each API may declare one or more scopes.": "Un programme n’a que les portées qui lui ont été données.",
    "API requires the following scopes. Select which ones you want to grant to Swagger UI.": "Choisissez celles que le jeton aura.",
  };
  const attributes = ["title", "aria-label", "placeholder"];

  const translated = (text) => {
    const word = text.trim();
    return Object.hasOwn(words, word) ? text.replace(word, words[word]) : text;
  };

  const translate = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      // Code and answers are shown as they are.
      if (node.parentElement?.closest("pre, code, textarea, .renderedMarkdown")) return;
      const text = translated(node.nodeValue);
      if (text !== node.nodeValue) node.nodeValue = text;
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of attributes) {
      const value = node.getAttribute(name);
      if (value !== null && translated(value) !== value) node.setAttribute(name, translated(value));
    }
    node.childNodes.forEach(translate);
  };

  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "characterData") translate(change.target);
      change.addedNodes.forEach(translate);
    }
  }).observe(document.getElementById("swagger-ui"), { childList: true, characterData: true, subtree: true });
})();
