"""`manage.py read_card`: one JSON line a file, whatever the file."""

from __future__ import annotations

import io
import json
from pathlib import Path

from django.core.management import call_command

from debtors.datamatrix import encode
from debtors.datamatrix.drawing import render_card_png
from tests.debtors.test_datamatrix_scenes import card_fields


def lines(*files: Path) -> list[dict[str, object]]:
    out = io.StringIO()
    call_command("read_card", *map(str, files), "--deadline", "30", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_images_and_texts_give_one_line_each(tmp_path: Path) -> None:
    content = encode(card_fields(3))
    (tmp_path / "card.png").write_bytes(render_card_png(card_fields(3)))
    (tmp_path / "scan.txt").write_text("]d2" + content.replace("\x1d", "<GS>") + "\n", encoding="utf-8")
    (tmp_path / "note.bin").write_bytes(b"\x00\x01\x02\xff")
    image, text, other, missing = lines(
        tmp_path / "card.png", tmp_path / "scan.txt", tmp_path / "note.bin", tmp_path / "absent.png"
    )
    for report, reader in ((image, "zxing-cpp"), (text, "texte")):
        assert report["decoded"] is True and report["recognised"] is True
        assert report["content"] == content and report["reader"] == reader
        assert report["fields"]["amc_number"] == card_fields(3).amc_number  # type: ignore[index]
        assert report["message"] == "" and report["milliseconds"] >= 0  # type: ignore[operator]
    assert other["decoded"] is False and "ni une image" in str(other["message"])
    assert missing["decoded"] is False and missing["message"]


def test_a_text_that_no_layout_explains_is_kept(tmp_path: Path) -> None:
    (tmp_path / "scan.txt").write_text("XAMC 0042\r\n", encoding="utf-8")
    (report,) = lines(tmp_path / "scan.txt")
    assert report["decoded"] is True and report["recognised"] is False and report["content"] == "XAMC 0042"


def test_the_help_warns_that_personal_data_is_printed() -> None:
    from debtors.management.commands.read_card import Command

    assert "donnée personnelle" in Command.help
