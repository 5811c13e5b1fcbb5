"""What a backup says of itself: what it holds, from when, and a digest that nobody makes without the keys."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from gap.crypto import derived_key

NAME: Final = "manifest.json"
DATABASE: Final = "database.dump"
FILES: Final = "files"
_FORMAT: Final = 1
_PURPOSE: Final = "backup manifest"


class Unusable(Exception):
    """This backup cannot be used. The text says why, in French, for the person at the console."""


@dataclass(slots=True)
class Manifest:
    """`counts`: table → rows. `parts`: path in the backup → (SHA-256, bytes). `seal`: number and digest of the last seal."""

    name: str
    at: str
    server: str
    migrations: list[str]
    counts: dict[str, int]
    seal: tuple[int, str] | None
    parts: dict[str, tuple[str, int]] = field(default_factory=dict)
    format: int = _FORMAT

    @property
    def taken_at(self) -> datetime:
        return datetime.fromisoformat(self.at)

    def write(self, folder: Path) -> None:
        """Last of all: a backup without it is none."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True)
        (folder / NAME).write_text(text, encoding="utf-8")
        (folder / f"{NAME}.mac").write_text(_macs(text.encode())[0], encoding="ascii")


def read(folder: Path) -> Manifest:
    """Raises Unusable: not a backup, altered, or of other keys."""
    try:
        text = (folder / NAME).read_bytes()
        mac = (folder / f"{NAME}.mac").read_text(encoding="ascii").strip()
        said: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as problem:
        raise Unusable(f"{folder} n’est pas une sauvegarde entière\u00a0: son sommaire manque.") from problem
    if not any(hmac.compare_digest(mac, known) for known in _macs(text)):
        raise Unusable("Le sommaire a été changé, ou ces clés ne sont pas celles de l’hôpital sauvegardé.")
    if said.get("format") != _FORMAT:
        raise Unusable(f"Cette sauvegarde est d’un format inconnu ({said.get('format')}).")
    said["parts"] = {name: (str(digest), int(size)) for name, (digest, size) in said["parts"].items()}
    said["seal"] = (int(said["seal"][0]), str(said["seal"][1])) if said["seal"] else None
    return Manifest(**said)


def check_parts(folder: Path, manifest: Manifest) -> None:
    """Every byte of every part. Raises Unusable."""
    for name, expected in manifest.parts.items():
        try:
            found = digest_of(folder / name)
        except OSError as problem:
            raise Unusable(f"Il manque {name}.") from problem
        if found != expected:
            raise Unusable(f"{name} n’est pas tel qu’il fut sauvegardé.")


def digest_of(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _macs(text: bytes) -> list[str]:
    """Under each key of the ring, the current one first."""
    secrets = (secret.strip() for secret in settings.FIELD_ENCRYPTION_KEY.split(","))
    return [hmac.new(derived_key(secret, _PURPOSE), text, hashlib.sha256).hexdigest() for secret in secrets]
