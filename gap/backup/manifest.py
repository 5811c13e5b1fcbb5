"""What a backup says of itself, closed by a key: nobody else makes or changes one."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from gap.crypto import backup_keys

NAME: Final = "manifest.json"
DUMP: Final = "database.sealed"
FORMAT: Final = 1


class BackupRefused(RuntimeError):
    """The backup is not whole, not ours, or is not for this place. Its text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the backup. `path`: under its folder. `wrapped`: encrypted by the backup, else as it was kept."""

    path: str
    size: int
    sha256: str
    alias: str = ""
    name: str = ""
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in the backup. `counts`: rows by table, at the dump's very instant. `seal`: the journal's last, number and
    digest. `taken_at`: that instant, in ISO 8601; what was written since is not in it."""

    taken_at: str
    software: str
    postgres: str
    migrations: list[str]
    counts: dict[str, int]
    seal: tuple[int, str]
    parts: list[Part] = field(default_factory=list)
    format: int = FORMAT

    @property
    def instant(self) -> datetime:
        return datetime.fromisoformat(self.taken_at)


def digest_of(file: IO[bytes]) -> tuple[int, str]:
    """(bytes, SHA-256) of what is left to read."""
    found, size = hashlib.sha256(), 0
    while chunk := file.read(1024 * 1024):
        found.update(chunk)
        size += len(chunk)
    return size, found.hexdigest()


def _mac(key: bytes, said: dict[str, Any]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, b"manifest" + text.encode(), hashlib.sha256).hexdigest()


def write(manifest: Manifest, folder: Path) -> None:
    said = json.loads(json.dumps(asdict(manifest)))
    key_id, key = backup_keys()[0]
    closed = {"manifest": said, "key": key_id.hex(), "hmac": _mac(key, said)}
    (folder / NAME).write_text(json.dumps(closed, indent=1, ensure_ascii=False), encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Raises BackupRefused: none there, not under a key of the ring, or changed since."""
    try:
        closed = json.loads((folder / NAME).read_text(encoding="utf-8"))
        said, key_id, mac = closed["manifest"], bytes.fromhex(closed["key"]), str(closed["hmac"])
    except FileNotFoundError:
        raise BackupRefused(f"Il n’y a pas de sauvegarde entière dans {folder}\u00a0: {NAME} manque.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupRefused(f"{NAME} est illisible.") from None
    key = dict(backup_keys()).get(key_id)
    if key is None:
        raise BackupRefused(
            "Cette sauvegarde a été faite sous une clé qui n’est pas donnée\u00a0: ajoutez-la à la fin de BACKUP_KEY "
            "(ou de FIELD_ENCRYPTION_KEY)."
        )
    if not hmac.compare_digest(_mac(key, said), mac):
        raise BackupRefused(f"{NAME} a été modifié depuis la sauvegarde.")
    if said["format"] != FORMAT:
        raise BackupRefused("Cette sauvegarde vient d’une autre version du produit, qui l’écrivait autrement.")
    parts = [Part(**part) for part in said["parts"]]
    return Manifest(**{**said, "parts": parts, "seal": (int(said["seal"][0]), str(said["seal"][1]))})


def check_parts(manifest: Manifest, folder: Path) -> None:
    """Every part is there as it was written. Raises BackupRefused with the first that is not."""
    for part in manifest.parts:
        try:
            with (folder / part.path).open("rb") as file:
                found = digest_of(file)
        except OSError:
            raise BackupRefused(f"Une partie de la sauvegarde manque\u00a0: {part.path}.") from None
        if found != (part.size, part.sha256):
            raise BackupRefused(f"Une partie de la sauvegarde a été abîmée\u00a0: {part.path}.")
