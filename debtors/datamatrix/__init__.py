"""The datamatrix of third-party payment cards: what it says (`layout`), how it is read (`readers`, `sandbox`), drawn
(`drawing`). Nothing here knows the database.

Light on purpose: image libraries are imported when an image is read, not when a card typed by a scanner is parsed.
"""

from debtors.datamatrix.layout import (
    CardFields,
    Convention,
    DatamatrixContext,
    InvalidCard,
    ReadCard,
    canonical_content,
    context,
    encode,
    fingerprint,
    parse,
)

__all__ = [
    "CardFields",
    "Convention",
    "DatamatrixContext",
    "InvalidCard",
    "ReadCard",
    "canonical_content",
    "context",
    "encode",
    "fingerprint",
    "parse",
]
