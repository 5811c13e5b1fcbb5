"""What every page shows, whoever looks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from gap import incidents


def troubles(request: HttpRequest) -> dict[str, Any]:
    """What is away and changes somebody's work, as sentences. Costs no query: the page may be drawn without a database."""
    return {"troubles": incidents.for_people()}
