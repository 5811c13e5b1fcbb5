"""Passwords that have leaked are refused, from a file beside the product; nothing is asked of anybody."""

from __future__ import annotations

import hashlib
import random
import socket
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts import leaked
from accounts.enums import Role

INVENTED = ["soleil-du-finistere", "correct horse battery", "Motdepasse!2026", "é" * 14]


def line(password: str, count: int = 3) -> str:
    return f"{hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()}:{count}"


def public_list(folder: Path, passwords: list[str], counts: dict[str, int] | None = None) -> Path:
    """A file as the public lists are: sorted by digest, one a line, with Windows' ends of line."""
    path = folder / "pwned.txt"
    lines = sorted(line(password, (counts or {}).get(password, 3)) for password in passwords)
    path.write_bytes("\r\n".join(lines).encode() + b"\r\n")
    return path


@pytest.fixture(autouse=True)
def imported(settings, tmp_path) -> Path:
    """Where an import goes; nothing is there yet."""
    settings.LEAKED_PASSWORDS = str(tmp_path / "leaked.bin")
    return tmp_path / "leaked.bin"


def test_a_common_password_is_refused_before_any_import(imported) -> None:
    assert not imported.exists()
    with pytest.raises(ValidationError, match="listes volées ailleurs"):
        validate_password("startfinding")
    with pytest.raises(ValidationError, match="listes volées ailleurs"):
        validate_password("StartFinding")
    validate_password("une phrase que moi seule connais")


def test_the_list_of_the_product_is_sorted_and_whole() -> None:
    held = leaked.SHIPPED.read_bytes()
    keys = [held[at : at + leaked.WIDTH] for at in range(0, len(held), leaked.WIDTH)]
    assert len(keys) > 19_000 and keys == sorted(set(keys))


def test_what_was_imported_is_refused_and_nothing_else(tmp_path, imported) -> None:
    call_command("import_leaked_passwords", str(public_list(tmp_path, INVENTED)))
    assert imported.stat().st_size == 8 * len(INVENTED)
    for password in INVENTED:
        with pytest.raises(ValidationError):
            validate_password(password)
    validate_password("soleil-du-finisterf")


def test_each_of_many_is_found_and_no_other(imported) -> None:
    chance = random.Random(7)
    keys = sorted({chance.randbytes(8) for _ in range(3000)})
    imported.write_bytes(b"".join(keys))
    assert all(leaked.contains(imported, key) for key in keys)
    others = {chance.randbytes(8) for _ in range(3000)} - set(keys)
    ends = {
        b"\x00" * 8,
        b"\xff" * 8,
        keys[0][:-1] + bytes([keys[0][-1] ^ 1]),
        keys[-1][:-1] + bytes([keys[-1][-1] ^ 1]),
    }
    assert not any(leaked.contains(imported, key) for key in (others | ends) - set(keys))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_list_of_very_few(count, imported) -> None:
    keys = [bytes([10 * number] * 8) for number in range(1, count + 1)]
    imported.write_bytes(b"".join(keys))
    assert all(leaked.contains(imported, key) for key in keys)
    assert not leaked.contains(imported, b"\x0b" * 8)


def test_the_most_frequent_ones_alone(tmp_path, imported) -> None:
    counts = {INVENTED[0]: 900, INVENTED[1]: 5, INVENTED[2]: 700, INVENTED[3]: 1}
    call_command("import_leaked_passwords", str(public_list(tmp_path, INVENTED, counts)), most=2)
    assert [leaked.is_leaked(password) for password in INVENTED] == [True, False, True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pas une empreinte:3\n", "Ligne 1"),
        (f"{'A' * 40}\n", "Ligne 1"),
        (f"{'A' * 40}:0\n", "Ligne 1"),
        (f"{'A' * 38}:4\n", "Ligne 1"),
        (f"{'A' * 40}:4\n{'B' * 40}:x\n", "Ligne 2"),
        (f"{'B' * 40}:4\n{'A' * 40}:4\n", "pas triée"),
    ],
)
def test_a_list_that_is_not_one_is_told_and_the_one_in_place_stays(content, said, tmp_path, imported) -> None:
    call_command("import_leaked_passwords", str(public_list(tmp_path, INVENTED)))
    before = imported.read_bytes()
    bad = tmp_path / "bad.txt"
    bad.write_text(content)
    with pytest.raises(CommandError, match=said):
        call_command("import_leaked_passwords", str(bad))
    assert imported.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["bad.txt", "leaked.bin", "pwned.txt"]


def test_a_file_that_is_not_there_is_told_in_french(tmp_path) -> None:
    with pytest.raises(CommandError, match="n’a pas changé"):
        call_command("import_leaked_passwords", str(tmp_path / "nothing.txt"))
    with pytest.raises(CommandError, match="à partir de 1"):
        call_command("import_leaked_passwords", "x", most=0)


def test_a_list_that_was_cut_is_told(imported) -> None:
    imported.write_bytes(b"123456789")
    with pytest.raises(leaked.LeakedFileError):
        leaked.is_leaked("startfinding")


def test_nothing_is_asked_of_the_network(monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert leaked.is_leaked("startfinding") and not leaked.is_leaked("une phrase que moi seule connais")


@pytest.mark.django_db
def test_a_leaked_password_is_refused_on_ones_account_and_not_repeated(client, person) -> None:
    user = person(Role.AGENT)
    user.set_password("une phrase assez longue")
    user.save()
    client.force_login(user)
    new = {"new_password1": "startfinding", "new_password2": "startfinding"}
    page = client.post("/compte/mot-de-passe/", {"old_password": "une phrase assez longue", **new})
    assert page.status_code == 422 and "listes volées ailleurs" in page.text and "startfinding" not in page.text
    user.refresh_from_db()
    assert user.check_password("une phrase assez longue")
