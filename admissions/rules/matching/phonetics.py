"""How a French word sounds, coarsely: two spellings of a name that are said alike have one code."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Applied in order, to capitals without accents. Coarse on purpose: a code only says where to look, the score decides.
_RULES: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"(.)\1+", r"\1"),
        (r"B(?=V)", ""),
        # Endings that are written and not said.
        (r"(?:AULT|AULD|AUX|AUD|AUT|EAULT|EAUX|EAUD|EAUT|EAU|AU|OTS|OT|OS|OD|OX|OP)$", "O"),
        (r"(?:IERS|IER|IEZ|IE|YE|Y)$", "I"),
        (r"(?:ERS|ER|EZ|ES|ET|EE|E)$", ""),
        (r"(?:IS|IT|IX|ID)$", "I"),
        (r"(?:AS|AT)$", "A"),
        (r"(?:US|UT|UX)$", "U"),
        (r"(?<=[LNRM])(?:DS|TS|CQ|CK|D|T|S|G|C|P)+$", ""),
        (r"(?:S|T|D|X|Z)$", ""),
        # Letters said alike.
        (r"SCH|SH|CH(?=[AEIOUY])", "1"),
        (r"^H|(?<=[^CPS1])H", ""),
        (r"PH", "F"),
        (r"CH|CK|QU|Q|K|C(?=[AOULRTNSK]|$)", "K"),
        (r"C(?=[EIY])|SC(?=[EIY])|Z|X", "S"),
        (r"GU(?=[EIY])|G(?=[AOULR]|$)", "K"),
        (r"GN", "N"),
        (r"G(?=[EIY])", "J"),
        (r"EAU|AU", "O"),
        (r"OU|OO", "U"),
        (r"AIN|EIN|YM|YN|IM(?=[BP])|UN(?![AEIOUY])", "IN"),
        (r"AM(?=[BP])|EM(?=[BP])|EN(?=[^AEIOUYN]|$)", "AN"),
        (r"AI|EI|AY|EY|OEU|EU|OE|E", "E"),
        (r"W", "V"),
        (r"Y", "I"),
        (r"M", "N"),
        (r"D", "T"),
        (r"B", "P"),
        (r"(?<=.)[EH]", ""),
        (r"(.)\1+", r"\1"),
    )
)


@lru_cache(maxsize=200_000)
def sound_of(word: str) -> str:
    """The code of one word of `search_tokens`: at most six signs, never empty for a word that is not."""
    code = word
    for pattern, sound in _RULES:
        code = pattern.sub(sound, code) or code
    return code[:6]
