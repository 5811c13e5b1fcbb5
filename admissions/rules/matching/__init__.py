"""Is it the same person? Blocks in which to look, and a score with its reasons. Pure functions (docs/adr/0031)."""

from admissions.rules.matching.blocks import close_dates, match_keys
from admissions.rules.matching.scoring import Level, Likeness, Person, compare, shortlist

__all__ = ["Level", "Likeness", "Person", "close_dates", "compare", "match_keys", "shortlist"]
