"""Which tests hold which promise. A test of the suite checks that the documents and this table name the same files."""

from __future__ import annotations

from typing import Final

#: Chapter → files of tests (or folders), from the root.
CHAPTERS: Final[dict[str, tuple[str, ...]]] = {
    "Qui voit quoi": (
        "tests/accounts/test_views_roles.py",
        "tests/accounts/test_views_sight.py",
        "tests/api/test_scopes.py",
    ),
    "Dossiers protégés": (
        "tests/accounts/test_views_protected.py",
        "tests/admissions/test_glass.py",
    ),
    "Qui se connecte": (
        "tests/accounts/test_second_factor.py",
        "tests/accounts/test_sessions.py",
        "tests/accounts/test_views_sign_in.py",
        "tests/accounts/test_locking.py",
        "tests/accounts/test_quick_access.py",
        "tests/accounts/test_administration.py",
        "tests/accounts/test_leaked_passwords.py",
        "tests/accounts/test_context_words.py",
        "tests/accounts/test_psc.py",
        "tests/accounts/test_psc_sessions.py",
        "tests/simulator/test_psc_provider.py",
        "tests/browser/test_psc.py",
        "tests/browser/test_cover.py",
    ),
    "Journal": (
        "tests/accounts/test_journal.py",
        "tests/accounts/test_journal_sealing.py",
        "tests/worklists/test_views_journal.py",
        "tests/worklists/test_views_security.py",
    ),
    "Données": (
        "tests/gap/test_at_rest.py",
        "tests/gap/test_sealed_files.py",
        "tests/gap/test_rotation.py",
        "tests/gap/test_leaks.py",
        "tests/teleservices/test_retention.py",
        "tests/worklists/test_training_copy.py",
        "tests/worklists/test_export_person.py",
    ),
    "Surface": (
        "tests/gap/test_headers.py",
        "tests/gap/test_views_probes.py",
        "tests/gap/test_csrf.py",
        "tests/gap/test_exports.py",
        "tests/gap/test_rates.py",
        "tests/gap/test_errors.py",
        "tests/gap/test_containers.py",
        "tests/teleservices/test_hostile_xml.py",
        "tests/teleservices/test_addresses.py",
        "tests/supply/test_supply.py",
        "tests/browser/test_leaving.py",
    ),
    "Fichiers reçus": (
        "tests/debtors/test_datamatrix_readers.py",
        "tests/debtors/test_datamatrix_sandbox.py",
        "tests/debtors/test_datamatrix_keeping.py",
        "tests/debtors/test_datamatrix_letters.py",
        "tests/billing/test_letters.py",
        "tests/teleservices/test_certificate_opening.py",
        "tests/billing/test_exchange_codec_returns.py",
    ),
    "Programmes": (
        "tests/accounts/test_oauth.py",
        "tests/accounts/test_oauth_certificates.py",
        "tests/accounts/test_oauth_rotation.py",
        "tests/worklists/test_programs.py",
        "tests/teleservices/test_webhooks.py",
        "tests/teleservices/test_webhooks_api.py",
    ),
    "Chutes": (
        "tests/gap/test_fallen_servers.py",
        "tests/gap/test_lookout.py",
        "tests/gap/test_troubles.py",
        "tests/gap/test_lost_answers.py",
        "tests/gap/test_lost_answers_of_workers.py",
        "tests/gap/test_no_room.py",
        "tests/gap/test_health.py",
        "tests/browser/test_interrupted.py",
        "tests/teleservices/test_clock.py",
        "tests/teleservices/test_expiry.py",
        "tests/teleservices/test_certificates.py",
        "tests/worklists/test_backup.py",
        "tests/worklists/test_restored.py",
        "tests/gap/test_point_in_time.py",
        "tests/supply/test_migrations.py",
        "tests/admissions/test_downtime_kit.py",
        "tests/admissions/test_reentry.py",
        "tests/admissions/test_reentry_together.py",
        "tests/browser/test_reentry.py",
    ),
    "Entrées mauvaises": (
        "tests/gap/test_fuzz.py",
        "tests/api/test_schema_fuzz.py",
        "tests/api/test_bad_input.py",
    ),
}


def chapter_of(path: str) -> str | None:
    """The chapter of a test file, None for a file that holds no promise of security."""
    return next((name for name, files in CHAPTERS.items() if any(path.startswith(file) for file in files)), None)
