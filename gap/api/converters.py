"""Identifiers in addresses. Importing this module makes `<nine:…>` known."""

from __future__ import annotations

from django.urls import register_converter


class NineDigits:
    """An IPP, an IEP or an invoice number: ASCII digits only."""

    regex = "[0-9]{9}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(NineDigits, "nine")
