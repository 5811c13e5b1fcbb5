"""The person who is looked for everywhere: every way to write what names her."""

from __future__ import annotations

from datetime import date

from bench.journey.people import Patient

WHO = Patient("QUERREZAC", "Zoéline", date(1961, 2, 27), "F", 407, "0099000104", "VM", "TX86620V41")


def forms() -> dict[str, list[bytes]]:
    """What → the ways in which it may stand in a text, a JSON, an address or a frame of ISO dates."""
    nir = WHO.nir[:13]
    spaced = f"{nir[0]} {nir[1:3]} {nir[3:5]} {nir[5:7]} {nir[7:10]} {nir[10:]}"
    first = WHO.first_names
    return {
        "NIR": [nir.encode(), spaced.encode()],
        "name": [b"QUERREZAC", b"Querrezac", b"querrezac"],
        "first name": [
            text.encode() for text in (first, first.lower(), first.upper(), "ZOELINE", "Zo\\u00e9line", "Zo%C3%A9line")
        ],
        "birth date": [b"1961-02-27", b"27/02/1961", b"19610227", b"27%2F02%2F1961", b"date(1961, 2, 27)"],
        "member number": [WHO.member_number.encode()],
        "card": [b"ATP1\x1d", b"ATP1\\x1d", b"ATP1\\u001d", b"ATP1%1D"],
    }
