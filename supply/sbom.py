"""The list of the components, as CycloneDX 1.6 (JSON): the same bytes for the same locks, and no host in it."""

from __future__ import annotations

import json
import tomllib
import uuid
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from supply.locks import PYTHON, ROOT, Component, components

FILE: Final = ROOT / "docs" / "sbom.cdx.json"
_NAMESPACE: Final = uuid.UUID("6f0a3f5e-5a1c-5e61-9d0c-3b0b6f3a7c11")


def text(root: Path = ROOT) -> str:
    """The whole file. Its serial number comes from its content: nothing of the day or of the machine."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [_component(one) for one in components(root)]
    digest = uuid.uuid5(_NAMESPACE, json.dumps(listed, sort_keys=True))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{digest}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
            }
        },
        "components": listed,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _component(one: Component) -> dict[str, Any]:
    kind = "pypi" if one.ecosystem == PYTHON else "npm"
    purl = f"pkg:{kind}/{quote(one.name, safe='/')}@{quote(one.version)}"
    described: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": one.name,
        "version": one.version,
        "scope": "required" if one.shipped else "excluded",
        "purl": purl,
    }
    if len(one.digests) == 1:
        # Of several files (one a platform), none is *the* component: the lock has them all.
        algorithm, digest = one.digests[0]
        described["hashes"] = [{"alg": algorithm, "content": digest}]
    if one.licence:
        described["licenses"] = [{"license": {"id": one.licence}}]
    return described
