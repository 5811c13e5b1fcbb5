"""The screens that cost the most: each is counted by a rate of `settings.RATES_PER_MINUTE`, person by person."""

from __future__ import annotations

from typing import Final

HEAVY_SCREENS: Final = {
    "accounts:review": "export",
    "admissions:arrivals-export": "export",
    "worklists:export": "export",
    "worklists:export-palmares": "export",
    "worklists:connection-export": "export",
    "worklists:connection-record": "export",
    "worklists:anomaly-evidence": "export",
    "billing:exchange-download": "export",
    "admissions:scan": "card",
    "admissions:scan-ahead": "card",
    "admissions:stay-scan": "card",
}
