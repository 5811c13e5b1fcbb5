"""Bodies of requests: what cannot be read is said in French, and never becomes a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


class StrictJsonParser(JSONParser):
    """JSON objects only. NaN, a name twice in one object, or a bottomless nesting is refused. Raises ParseError."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            body = json.loads(stream.read().decode(), parse_constant=_refuse, object_pairs_hook=_once_each)
        except (ValueError, RecursionError):
            # The parser's own message is English, and may quote what was sent.
            raise ParseError("Le corps de la demande n’est pas du JSON lisible.") from None
        if not isinstance(body, dict):
            raise ParseError("Le corps de la demande doit être un objet JSON.")
        return body


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members
