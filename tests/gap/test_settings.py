"""What the environment gives to the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT


def test_a_secret_may_be_in_a_file_that_its_name_leads_to(tmp_path: Path) -> None:
    """As an orchestrator, or the agent of a vault, gives them: none stands in the environment of the process."""
    file = tmp_path / "field-key"
    file.write_text("the key of the file")
    around = {name: value for name, value in os.environ.items() if name != "FIELD_ENCRYPTION_KEY"}
    done = subprocess.run(
        [sys.executable, "-c", "from gap import settings; print(settings.FIELD_ENCRYPTION_KEY)"],
        cwd=ROOT,
        env=around | {"FIELD_ENCRYPTION_KEY_FILE": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "the key of the file"
