"""What reading an image gives, and the sentences that tell why it gave nothing. No image library here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a reading ended."""

    DECODED = "decoded"
    DRAWN = "drawn"
    NOT_AN_IMAGE = "not_an_image"
    HEIC = "heic"
    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    DAMAGED = "damaged"
    PROTECTED_PDF = "protected_pdf"
    NO_CODE = "no_code"
    OTHER_CODE = "other_code"
    SEVERAL_CODES = "several_codes"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    BUSY = "busy"


MESSAGES_FR = {
    Outcome.DECODED: "",
    Outcome.DRAWN: "",
    Outcome.NOT_AN_IMAGE: "Ce fichier n’est ni une image (PNG, JPEG, WEBP) ni un PDF.",
    Outcome.HEIC: "Les photos HEIC ne sont pas lues : enregistrez la photo en JPEG, ou photographiez la carte ici.",
    Outcome.FILE_TOO_LARGE: "Ce fichier dépasse 10 Mo : envoyez seulement la carte.",
    Outcome.TOO_MANY_PIXELS: "Cette image dépasse 40 millions de points : reprenez la photo en qualité réduite.",
    Outcome.DAMAGED: "Ce fichier est abîmé ou incomplet : envoyez-le de nouveau, ou reprenez la photo.",
    Outcome.PROTECTED_PDF: "Ce PDF est protégé par un mot de passe : imprimez-le puis scannez la carte.",
    Outcome.NO_CODE: "Aucun datamatrix n’a été trouvé : cadrez le code de près, à plat et sans reflet.",
    Outcome.OTHER_CODE: "Le code trouvé n’est pas le datamatrix de la carte : cadrez le petit carré de points.",
    Outcome.SEVERAL_CODES: "Plusieurs datamatrix ont été trouvés : cadrez une seule carte.",
    Outcome.TIMEOUT: "La lecture a pris trop de temps : cadrez seulement la carte, ou scannez-la.",
    Outcome.CRASHED: "Ce fichier n’a pas pu être lu : reprenez la photo, ou scannez la carte.",
    Outcome.BUSY: "Le lecteur de cartes est occupé : recommencez dans un instant.",
}

#: The same, of a letter that is attached; what is not here is said as of a card.
LETTER_MESSAGES_FR = MESSAGES_FR | {
    Outcome.HEIC: "Les photos HEIC ne sont pas lues : enregistrez la photo en JPEG, puis joignez-la.",
    Outcome.FILE_TOO_LARGE: "Ce fichier dépasse 10 Mo : numérisez le courrier en qualité réduite, ou en deux fichiers.",
    Outcome.DAMAGED: "Ce fichier est abîmé ou incomplet : demandez-le de nouveau, ou numérisez le courrier.",
    Outcome.PROTECTED_PDF: "Ce PDF est protégé par un mot de passe : imprimez-le puis numérisez-le.",
    Outcome.TIMEOUT: "Ce fichier a pris trop de temps à dessiner : imprimez-le puis numérisez-le.",
    Outcome.CRASHED: "Ce fichier n’a pas pu être lu : imprimez-le puis numérisez-le.",
    Outcome.BUSY: "Le lecteur de fichiers est occupé : recommencez dans un instant.",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was drawn again: its pages as JPEG, and how many the file has (`total`: more than were drawn).

    `message_fr` is empty when it could be drawn.
    """

    outcome: Outcome
    pages: tuple[bytes, ...] = field(default=(), repr=False)
    total: int = 0

    @property
    def drawn(self) -> bool:
        return self.outcome is Outcome.DRAWN

    @property
    def message_fr(self) -> str:
        return LETTER_MESSAGES_FR[self.outcome]


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """`content`: text of the symbol, as it is (give it to `parse`). `reader`: who decoded it. `page`: of a PDF, from 1.

    `message_fr` is empty when decoded; `note_fr` says what was left out (pages). `image`: what to keep of it, when that
    was asked (`keeping.py`).
    """

    outcome: Outcome
    content: str = field(default="", repr=False)
    reader: str = ""
    milliseconds: float = 0.0
    page: int = 0
    note_fr: str = ""
    image: bytes = field(default=b"", repr=False)

    @property
    def decoded(self) -> bool:
        return self.outcome is Outcome.DECODED

    @property
    def message_fr(self) -> str:
        return MESSAGES_FR[self.outcome]
