"""Identifiers of French health administration: NIR, FINESS, AMC number.

Pure functions, no framework. Nothing here ever puts an identifier in a message, a repr or a str: what a person typed
wrong is described, not repeated (it may be somebody's number).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from stdnum import luhn
from stdnum.fr import nir as stdnum_nir

_SEPARATORS: Final = re.compile(r"[\s.\-_/\u2010-\u2015\u2212]+")
_NIR_NUMBER: Final = re.compile(r"[1-8][0-9]{4}(?:[0-9]{2}|2A|2B)[0-9]{6}", re.ASCII)
_FINESS: Final = re.compile(r"(?:[0-9]{2}|2A|2B)[0-9]{7}", re.ASCII)
_ANONYMOUS_NIR: Final = re.compile(r"[12]555555[0-9]{3}333", re.ASCII)
_MASK: Final = "•"


class InvalidIdentifier(ValueError):
    """An identifier that can't be one. `message_fr` is a sentence for a person; `reason` is a stable key for code.

    Reasons: `empty`, `length`, `missing_key`, `format`, `key`, `unreal`, `conversion`.
    """

    def __init__(self, message_fr: str, reason: str) -> None:
        super().__init__(message_fr)
        self.message_fr = message_fr
        self.reason = reason


def compact(text: str) -> str:
    """Upper case without spaces (of any kind), dots, hyphens nor slashes; full-width digits become ordinary ones."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()


# ---- NIR ----


@dataclass(frozen=True, slots=True, repr=False)
class Nir:
    """A checked NIR: `number` (13 characters, 2A/2B kept) and `key` (2 digits).

    Neither `repr` nor `str` shows it: write `.value`, `.formatted` or `.masked` on purpose.
    """

    number: str
    key: str

    def __repr__(self) -> str:
        return "Nir(•)"

    def __str__(self) -> str:
        return self.masked

    @property
    def value(self) -> str:
        """The 15 characters, as stored and as sent."""
        return self.number + self.key

    @property
    def formatted(self) -> str:
        """As printed on a card: « 2 84 05 35 238 117 78 », with ordinary spaces."""
        return stdnum_nir.format(self.value)

    @property
    def masked(self) -> str:
        """Sex and year only: « 2 84 •• •• ••• ••• •• »."""
        shown = self.formatted
        return shown[:4] + re.sub(r"[0-9A-Z]", _MASK, shown[4:])

    @property
    def is_temporary(self) -> bool:
        """Number waiting for the final one (3, 4: being registered; 7, 8: temporary)."""
        return self.number[0] in "3478"

    @property
    def is_anonymous(self) -> bool:
        """Number made up for an anonymous invoice (A 55 55 55 CCC 333), never a person's."""
        return _ANONYMOUS_NIR.fullmatch(self.number) is not None

    @property
    def sex(self) -> str:
        """`M` or `F`, from the parity of the first digit."""
        return "M" if int(self.number[0]) % 2 else "F"

    @property
    def department(self) -> str:
        """Birth department: `35`, `2A`, `971`…, `99` abroad."""
        pair = self.number[5:7]
        return self.number[5:8] if pair in ("97", "98") else pair


def nir_key(number: str) -> str:
    """Two-digit key of a 13-character number: 97 − (number mod 97), Corsica read as 2A → 19, 2B → 18.

    Raises InvalidIdentifier (`length`, `format`).
    """
    clean = compact(number)
    if len(clean) != 13:
        raise InvalidIdentifier("Le numéro de sécurité sociale compte 13 caractères, sans sa clé.", "length")
    if _NIR_NUMBER.fullmatch(clean) is None:
        raise InvalidIdentifier("Le numéro de sécurité sociale contient un caractère qui n’y a pas sa place.", "format")
    return str(stdnum_nir.calc_check_digits(clean))


def parse_nir(text: str) -> Nir:
    """Read a NIR typed or scanned with its key (15 characters once spaces are gone).

    Accepts Corsica (2A, 2B), overseas, temporary and anonymous-invoice numbers. Raises InvalidIdentifier.
    """
    clean = compact(text)
    if not clean:
        raise InvalidIdentifier("Saisissez le numéro de sécurité sociale.", "empty")
    if len(clean) == 13 and _NIR_NUMBER.fullmatch(clean):
        raise InvalidIdentifier(
            "Il manque la clé : ajoutez les deux derniers chiffres du numéro de sécurité sociale.", "missing_key"
        )
    if len(clean) != 15:
        raise InvalidIdentifier(
            f"Le numéro de sécurité sociale compte 15 caractères, clé comprise : {len(clean)} saisis.", "length"
        )
    number, key = clean[:13], clean[13:]
    if _NIR_NUMBER.fullmatch(number) is None or not (key.isascii() and key.isdigit()):
        raise InvalidIdentifier("Le numéro de sécurité sociale contient un caractère qui n’y a pas sa place.", "format")
    if stdnum_nir.calc_check_digits(number) != key:
        raise InvalidIdentifier(
            "La clé ne correspond pas au numéro : un chiffre est faux ou deux chiffres sont inversés.", "key"
        )
    return Nir(number, key)


# ---- FINESS ----


@dataclass(frozen=True, slots=True)
class Finess:
    """A hospital number of 9 characters. `warning_fr` is empty, or says why a person should look at it again."""

    value: str
    warning_fr: str = ""

    def __str__(self) -> str:
        return self.value

    @property
    def is_corsican(self) -> bool:
        """True when the department is written with a letter."""
        return self.value[1] in "AB"

    @property
    def digits(self) -> str:
        """Nine digits, as B2 wants them: 2A0 0… → 200 1…, 2B0 0… → 200 2… (SFG FIDES ACE V06.09, section TF).

        Raises InvalidIdentifier (`conversion`) for a Corsican number whose fourth character is not 0: the rule says
        nothing of it.
        """
        if not self.is_corsican:
            return self.value
        if self.value[3] != "0":
            raise InvalidIdentifier("Ce numéro FINESS de Corse ne se convertit pas en chiffres.", "conversion")
        return "20" + self.value[2] + ("1" if self.value[1] == "A" else "2") + self.value[4:]


def parse_finess(text: str) -> Finess:
    """Read a FINESS number: 9 characters, Luhn key. Raises InvalidIdentifier.

    For Corsica the official rule of the key was not found: a key that fails on the numeric form is only a warning.
    """
    clean = compact(text)
    if not clean:
        raise InvalidIdentifier("Saisissez le numéro FINESS.", "empty")
    if len(clean) != 9:
        raise InvalidIdentifier(f"Un numéro FINESS compte 9 caractères : {len(clean)} saisis.", "length")
    if _FINESS.fullmatch(clean) is None:
        raise InvalidIdentifier("Un numéro FINESS est fait de chiffres (ou commence par 2A ou 2B, en Corse).", "format")
    if clean == "000000000":
        raise InvalidIdentifier("Ce numéro FINESS n’est celui d’aucun établissement.", "unreal")
    finess = Finess(clean)
    if finess.is_corsican:
        return Finess(clean, "" if _corsican_key_holds(finess) else "La clé de ce numéro de Corse est à vérifier.")
    if not luhn.is_valid(clean):
        raise InvalidIdentifier("La clé du numéro FINESS est fausse : vérifiez les chiffres saisis.", "key")
    return finess


def _corsican_key_holds(finess: Finess) -> bool:
    try:
        return bool(luhn.is_valid(finess.digits))
    except InvalidIdentifier:
        return False


# ---- AMC ----


def parse_amc_number(text: str) -> str:
    """AMC number as it travels: 10 digits, zero-padded on the left. Cards print 8 to 10 digits, spaces allowed.

    Raises InvalidIdentifier (`empty`, `length`, `format`, `unreal`).
    """
    clean = compact(text)
    if not clean:
        raise InvalidIdentifier("Saisissez le numéro d’AMC.", "empty")
    if not (clean.isascii() and clean.isdigit()):
        raise InvalidIdentifier("Un numéro d’AMC est fait de chiffres seulement.", "format")
    if not 8 <= len(clean) <= 10:
        raise InvalidIdentifier(f"Un numéro d’AMC compte 8 à 10 chiffres : {len(clean)} saisis.", "length")
    if not clean.strip("0"):
        raise InvalidIdentifier("Ce numéro d’AMC n’est celui d’aucun organisme.", "unreal")
    return clean.zfill(10)
