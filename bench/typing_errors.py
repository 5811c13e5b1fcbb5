"""People invented by the million, and what a tired hand makes of their names and birth dates.

Names are ordinary French ones; their weights are invented, the first ones as common as in a real file. A seed always makes the
same people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_COMMON: Final = _words(
    "MARTIN BERNARD THOMAS PETIT ROBERT RICHARD DURAND DUBOIS MOREAU LAURENT SIMON MICHEL LEFEBVRE LEROY ROUX DAVID "
    "BERTRAND MOREL FOURNIER GIRARD BONNET DUPONT LAMBERT FONTAINE ROUSSEAU VINCENT MULLER LEFÈVRE FAURE ANDRÉ MERCIER "
    "BLANC GUÉRIN BOYER GARNIER CHEVALIER FRANÇOIS LEGRAND GAUTHIER GARCIA PERRIN ROBIN CLÉMENT MORIN NICOLAS HENRY "
    "ROUSSEL MATHIEU GAUTIER MASSON MARCHAND DUVAL DENIS DUMONT MARIE LEMAIRE NOËL MEYER DUFOUR MEUNIER BRUN BLANCHARD "
    "GIRAUD JOLY RIVIÈRE LUCAS BRUNET GAILLARD BARBIER ARNAUD MARTINEZ GÉRARD ROCHE RENARD SCHMITT ROY LEROUX COLIN "
    "VIDAL CARON PICARD ROGER FABRE AUBERT LEMOINE RENAUD DUMAS LACROIX OLIVIER PHILIPPE BOURGEOIS PIERRE BENOÎT REY "
    "LECLERC PAYET ROLLAND LECLERCQ GUILLAUME LECOMTE LOPEZ JEAN DUPUY GUILLOT HUBERT BERGER CARPENTIER SANCHEZ"
)
_HEADS: Final = _words(
    "BER CAR DEL FON GAR HAM JAC KER LAN MAL NOR PAR QUE RIV SAR TAL VER BOU CHA DOU FRE GOU HUR LEM MON PEL ROC SAU TRE "
    "VAN BAL COR DAR FER GRI LOU MAR PRI RAV TOU"
)
_MIDDLES: Final = _words("A ANDI AVI BE ELI ENTI ERO ICHO ILLO INE ITI OBI OLI ONTE OUVI UCHE UDI URI ALE ARDI")
_TAILS: Final = _words("ER ET ARD AULT EAU IER IN ON OT AND ELLE EZ OIS Y AT ENNEC IOU EC OUX IEN")
_WOMEN: Final = _words(
    "Marie Jeanne Françoise Monique Catherine Nathalie Isabelle Jacqueline Anne Sylvie Martine Madeleine Nicole Suzanne "
    "Hélène Christine Marguerite Denise Louise Christiane Yvonne Sophie Valérie Sandrine Stéphanie Véronique Céline "
    "Chantal Simone Andrée Germaine Brigitte Patricia Julie Emma Chloé Léa Manon Camille Sarah Laura Pauline Mathilde "
    "Marion Anaïs Lucie Océane Élodie Émilie Aurélie Virginie Laetitia Delphine Karine Corinne Florence Agnès Colette "
    "Odette Ginette Geneviève Thérèse Paulette Raymonde Renée Josette Michèle Annie Danielle Claire Cécile Inès Jade "
    "Alice Lina Zoé Rose Anna Mila Eva Maryvonne Soizic Fatima Nadia Samira Aïcha"
)
_MEN: Final = _words(
    "Jean Pierre Michel André Philippe Louis René Alain Jacques Bernard Marcel Daniel Roger Robert Paul Claude Christian "
    "Henri Georges Nicolas François Patrick Gérard Christophe Joseph Julien Maurice Laurent Frédéric Éric David Stéphane "
    "Pascal Sébastien Alexandre Thierry Olivier Antoine Raymond Guy Dominique Charles Didier Marc Vincent Yves Bruno "
    "Serge Guillaume Thomas Lucas Hugo Enzo Théo Mathis Nathan Léo Gabriel Raphaël Arthur Jules Adam Maxime Quentin "
    "Romain Kévin Jérémy Cédric Yannick Loïc Gwenaël Mickaël Jérôme Benoît Fabrice Gilles Rémi Mohamed Karim Mehdi Ali"
)
_PARTICLES: Final = ("LE ", "DE ", "DU ", "D’", "DE LA ")


@dataclass(frozen=True, slots=True)
class Human:
    birth_name: str
    used_name: str
    first_names: str
    birth_date: date
    sex: str


def people(count: int, seed: int = 1) -> Iterator[Human]:
    """The first MARTIN are one in 280; half of the names are rare ones; a tenth of the first names are compound."""
    chance = Random(seed)
    tail = [head + middle + end for head in _HEADS for middle in _MIDDLES for end in _TAILS]
    chance.shuffle(tail)
    surnames = [*_COMMON, *tail]
    weights = list(
        accumulate(
            [100 / (1 + n) ** 0.5 for n in range(len(_COMMON))] + [90 / (20 + n) ** 0.5 for n in range(len(tail))]
        )
    )
    firsts = {
        sex: (names, list(accumulate(1 / (3 + n) for n in range(len(names)))))
        for sex, names in (("F", _WOMEN), ("M", _MEN))
    }
    start, days = date(1926, 1, 1), 36_700
    while count > 0:
        size = min(count, 50_000)
        count -= size
        named = chance.choices(surnames, cum_weights=weights, k=2 * size)
        given = {sex: chance.choices(names, cum_weights=each, k=3 * size) for sex, (names, each) in firsts.items()}
        for n in range(size):
            sex = "F" if chance.random() < 0.53 else "M"
            name, other, luck = named[2 * n], named[2 * n + 1], chance.random()
            if luck < 0.03:
                name = chance.choice(_PARTICLES) + name
            elif luck < 0.05:
                name = f"{name}-{other}"
            first, second, third = given[sex][3 * n : 3 * n + 3]
            luck = chance.random()
            if luck < 0.1 and first != second:
                first = f"{first}-{second}"
            elif luck < 0.6:
                first = f"{first} {second}"
            elif luck < 0.75:
                first = f"{first} {second} {third}"
            born = start + timedelta(days=int(days * chance.random()))
            if chance.random() < 0.01:
                born = born.replace(day=1, month=1)
            used = other if sex == "F" and born.year < 2005 and chance.random() < 0.4 else ""
            yield Human(name, used, first, born, sex)


def _plain(human: Human, _: Random) -> Human:
    table = str.maketrans("ÉÈÊËÀÂÎÏÔÛÇéèêëàâîïôûç-’", "EEEEAAIIOUCeeeeaaiiouc  ")
    return replace(human, birth_name=human.birth_name.translate(table), first_names=human.first_names.translate(table))


def _in_a_word(text: str, chance: Random, change: Callable[[str, int, Random], str]) -> str:
    words = text.split(" ")
    place = max(range(len(words)), key=lambda n: len(words[n]))
    word = words[place]
    words[place] = change(word, chance.randrange(1, max(2, len(word) - 1)), chance)
    return " ".join(words)


def _slip(change: Callable[[str, int, Random], str]) -> Callable[[Human, Random], Human]:
    def slipped(human: Human, chance: Random) -> Human:
        if chance.random() < 0.6:
            return replace(human, birth_name=_in_a_word(human.birth_name, chance, change))
        return replace(human, first_names=_in_a_word(human.first_names, chance, change))

    return slipped


def _another(word: str, at: int, chance: Random) -> str:
    letter = chance.choice([each for each in "aeioubcdfglmnprstv" if each != word[at].lower()])
    return word[:at] + (letter.upper() if word[at].isupper() else letter) + word[at + 1 :]


_SAID_ALIKE: Final = (
    ("PH", "F"), ("EAU", "O"), ("AULT", "AUD"), ("TH", "T"), ("QU", "K"), ("CK", "K"), ("LL", "L"), ("NN", "N"),
    ("IN", "AIN"), ("Y", "I"), ("C", "SS"), ("AI", "É"), ("OT", "EAU"), ("ET", "AIT"), ("ER", "É"), ("I", "Y"), ("S", "SS"),
)  # fmt: skip


def _by_ear(human: Human, chance: Random) -> Human:
    attribute = "birth_name" if chance.random() < 0.6 else "first_names"
    text = getattr(human, attribute)
    for written, heard in chance.sample(_SAID_ALIKE, len(_SAID_ALIKE)):
        if (at := text.upper().find(written, 1)) > 0 and (written != "C" or text[at + 1 : at + 2].upper() in "EI"):
            heard = heard if text.isupper() else heard.lower()
            return replace(human, **{attribute: text[:at] + heard + text[at + len(written) :]})
    return human


def _date(make: Callable[[str, Random], str]) -> Callable[[Human, Random], Human]:
    def changed(human: Human, chance: Random) -> Human:
        for _ in range(20):
            made = make(f"{human.birth_date:%d%m%Y}", chance)
            try:
                born = date(int(made[4:]), int(made[2:4]), int(made[:2]))
            except ValueError:
                continue
            if date(1905, 1, 1) < born < date(2026, 11, 1) and born != human.birth_date:
                return replace(human, birth_date=born)
        return human

    return changed


def _neighbours(text: str, chance: Random) -> str:
    at = chance.choice((0, 2, 5, 6))
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _digit(text: str, chance: Random) -> str:
    at = chance.choice((0, 1, 2, 3, 6, 7))
    return text[:at] + chance.choice("0123456789") + text[at + 1 :]


def _names_exchanged(human: Human, _: Random) -> Human:
    if human.used_name:
        return replace(human, birth_name=human.used_name, used_name=human.birth_name)
    return replace(human, birth_name=human.first_names.split(" ")[0], first_names=human.birth_name)


def _married_only(human: Human, _: Random) -> Human:
    return replace(human, birth_name=human.used_name, used_name="") if human.used_name else human


def _reordered(human: Human, chance: Random) -> Human:
    words = human.first_names.split(" ")
    return replace(human, first_names=" ".join(words[1:] + words[:1]))


def _usual_alone(human: Human, chance: Random) -> Human:
    words = human.first_names.split(" ")
    return replace(human, first_names=words[0] if chance.random() < 0.8 else chance.choice(words))


def _glued(human: Human, _: Random) -> Human:
    return replace(human, birth_name=human.birth_name.replace(" ", "").replace("’", "").replace("-", ""))


def _cut(human: Human, chance: Random) -> Human:
    name = chance.choice(human.birth_name.split("-"))
    return replace(human, birth_name=name, first_names=human.first_names.split("-")[0])


#: What goes wrong, its weight, how.
ERRORS: Final[tuple[tuple[str, int, Callable[[Human, Random], Human]], ...]] = (
    ("accents, traits d’union, apostrophes perdus", 8, _plain),
    ("lettre doublée", 7, _slip(lambda word, at, _: word[:at] + word[at] + word[at:])),
    ("lettre omise", 9, _slip(lambda word, at, _: word[:at] + word[at + 1 :])),
    ("lettre changée", 9, _slip(_another)),
    ("lettres voisines échangées", 8, _slip(lambda word, at, _: word[:at] + word[at : at + 2][::-1] + word[at + 2 :])),
    ("écrit comme entendu", 10, _by_ear),
    ("particule collée", 4, _glued),
    ("noms échangés", 6, _names_exchanged),
    ("nom d’époux seul", 6, _married_only),
    ("prénoms dans un autre ordre", 4, _reordered),
    ("un seul prénom", 9, _usual_alone),
    ("nom composé coupé", 4, _cut),
    ("chiffres de la date échangés", 5, _date(_neighbours)),
    ("jour et mois échangés", 4, _date(lambda text, _: text[2:4] + text[:2] + text[4:])),
    ("un chiffre de la date changé", 6, _date(_digit)),
    ("jour inconnu", 2, _date(lambda text, _: "01" + text[2:])),
    ("jour et mois inconnus", 1, _date(lambda text, _: "3112" + text[4:])),
)
#: One person in this many is typed with a second error.
_SECOND: Final = 7


def mistyped(human: Human, chance: Random) -> tuple[Human, str]:
    """The same person typed with an error that shows, sometimes two, and which."""
    weights = [weight for _, weight, _ in ERRORS]
    said = []
    made = human
    while made == human:
        name, _, change = chance.choices(ERRORS, weights)[0]
        made = change(human, chance)
        said = [name]
    if chance.randrange(_SECOND) == 0:
        name, _, change = chance.choices(ERRORS, weights)[0]
        made = change(made, chance)
        said.append(name)
    return made, " + ".join(said)
