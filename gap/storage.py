"""A folder where a file appears whole or not at all: another program watches it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage


class AtomicFileSystemStorage(FileSystemStorage):
    """Writes beside, as `*.tmp`, then renames. An object store does so by itself."""

    def _save(self, name: str, content: Any) -> str:
        beside: str = super()._save(f"{name}.{os.getpid()}.tmp", content)  # type: ignore[misc]
        Path(self.path(beside)).replace(self.path(name))
        return name
