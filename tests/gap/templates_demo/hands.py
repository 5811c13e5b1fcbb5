"""What a desk types and hears in front of the demonstration page."""

from __future__ import annotations

CARD = "]d2CTP1\u001d0044817205\u001dAC\u001d75A200488\u001d7120448003"


def said(page, sentence: str) -> None:
    page.wait_for_function(
        "(text) => document.getElementById('announcements').textContent.includes(text)", arg=sentence, timeout=5000
    )
