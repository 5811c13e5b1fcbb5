"""Something that the product needs is gone, or back: said once each time, in the log and by mail, whatever else is down.

What was said is remembered in a file (VAR_DIR/incidents): neither the database nor Redis may be needed to tell that they are
gone. Of several processes, the one that makes the file tells. Where no file can be made, each process remembers for itself.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import mail_admins

log = structlog.get_logger(__name__)

#: What each is called, and what whoever keeps the machine does.
SAID: Final = {
    "database": ("La base de données ne répond pas", "Relancez PostgreSQL, ou basculez sur sa réplique."),
    "writable": ("La base de données ne peut être que lue", "Ce serveur est une réplique : désignez le primaire."),
    "redis": ("Redis ne répond pas", "Relancez Redis. Rien n’est perdu : ce qui est dû est dans la base."),
    "database_disk": ("Le disque de la base de données est plein", "Faites de la place là où PostgreSQL écrit."),
    "room": ("Un fichier n’a pas pu être écrit, faute de place", "Faites de la place dans le dossier des fichiers."),
    "disk": (
        "Le disque des fichiers est presque plein",
        "Faites de la place dans le dossier des fichiers, ou agrandissez-le.",
    ),
    "clock": ("L’horloge de ce serveur n’est pas celle de la base", "Réglez l’heure (NTP) des deux machines."),
    "clock_heard": (
        "L’horloge de ce serveur n’est pas celle des organismes qui répondent",
        "Réglez l’heure (NTP) de ce serveur.",
    ),
    "certificate": ("Un certificat a expiré", "Importez le nouveau dans « Certificats »."),
    "import": (
        "Un import de cartes ou de fiches s’est arrêté",
        "La cause est dans la liste « Imports arrêtés » ; une fois corrigée, un référent le relance.",
    ),
}
_HOUR: Final = "L’heure du serveur n’est pas sûre\u00a0: relisez les heures d’entrée et de sortie que vous enregistrez."
#: What people who work need to know of it: what goes on, what waits.
FOR_PEOPLE: Final = {
    "redis": (
        "Les demandes aux organismes partent en retard\u00a0: ce qui les réveille est arrêté. Continuez\u00a0: tout est "
        "enregistré et partira."
    ),
    "certificate": (
        "Des demandes aux organismes attendent\u00a0: un certificat de l’hôpital a expiré. Continuez\u00a0: elles partiront "
        "avec le nouveau."
    ),
    "room": (
        "Le disque des fichiers est plein\u00a0: les cartes se lisent, sans garder leurs photos\u00a0; les lots attendent."
    ),
    "database_disk": (
        "Le disque de la base est plein\u00a0: un enregistrement peut être refusé. Regardez si le vôtre est fait avant de passer "
        "au patient suivant."
    ),
    "clock": _HOUR,
    "clock_heard": _HOUR,
}
#: Of the hour of this machine.
CLOCKS: Final = frozenset({"clock", "clock_heard"})
#: Seen by those whom they stop, and measured by nobody: over once nobody has met them for so long.
MET: Final = ("database_disk", "room")
QUIET_S: Final = 300.0
# Where no file can be made: what this process has told of by itself.
_here: set[str] = set()
_lock = threading.Lock()


def report(name: str, well: bool) -> None:
    """Say that it is well or not (a key of SAID). The first to say so after the contrary tells people."""
    if _ended(name) if well else _begun(name):
        _tell(name, well)


def current() -> frozenset[str]:
    """Those that nobody has said to be over, of every process of this machine. Reads a folder, and no more."""
    with _lock:
        alone = frozenset(_here)
    try:
        return alone | frozenset(one.name for one in _folder().iterdir() if one.name in SAID)
    except OSError:
        return alone


def for_people() -> list[str]:
    """What changes somebody's work now, one sentence each, in the order of FOR_PEOPLE."""
    now = current()
    return list(dict.fromkeys(sentence for name, sentence in FOR_PEOPLE.items() if name in now)) if now else []


def end_quiet_ones() -> None:
    """Of what is only met, the end: nobody has met it lately."""
    for name in MET:
        try:
            quiet = time.time() - _mark(name).stat().st_mtime > QUIET_S
        except OSError:
            continue
        if quiet:
            report(name, well=True)


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "incidents"


def _mark(name: str) -> Path:
    return _folder() / name


def _begun(name: str) -> bool:
    """Whether nobody had said so. One that is met again is younger again."""
    mark = _mark(name)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        with mark.open("x", encoding="ascii"):
            return True
    except FileExistsError:
        if name in MET:
            with contextlib.suppress(OSError):
                mark.touch()
        return False
    except OSError:
        # No file can be made, which may be what is wrong.
        with _lock:
            new = name not in _here
            _here.add(name)
        return new


def _ended(name: str) -> bool:
    with _lock:
        alone = name in _here
        _here.discard(name)
    try:
        _mark(name).unlink()
    except OSError:
        return alone
    return True


def _tell(name: str, well: bool) -> None:
    what, todo = SAID[name]
    if well:
        log.warning("dependency_back", name=name)
        subject, text = f"Fin de l’incident « {what} »", "C’est de nouveau normal. Rien n’est à faire."
    else:
        log.error("dependency_down", name=name)
        subject, text = what, f"{what}, depuis le serveur « {_machine()} ». {todo}"
    # Mail may be slow when much else is: nobody waits for it.
    threading.Thread(target=_mail, args=(subject, text), daemon=True).start()


def _mail(subject: str, text: str) -> None:
    try:
        mail_admins(subject, text)
    except Exception as problem:  # any fault of any mail server
        log.warning("incident_not_mailed", problem=type(problem).__name__)


def _machine() -> str:
    import socket

    return socket.gethostname()
