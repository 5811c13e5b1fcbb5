"""Renew the vendored assets: the few files of npm packages that the screens use, copied, sealed and committed.

Also runs as a plain script, without settings nor database: `python gap/management/commands/vendor_assets.py`.
Nothing is downloaded here beyond `npm ci`, which checks the integrity digests of package-lock.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

ROOT: Final = Path(__file__).resolve().parents[3]
ICON_LIST: Final = Path(__file__).with_name("icons.txt")

#: What is copied as it is: source under node_modules → destination in the repository.
COPIES: Final = {
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "static/vendor/inter-latin-wght-normal.woff2",
    "@fontsource-variable/inter/LICENSE": "static/vendor/inter.LICENSE.txt",
    "@tabler/icons/LICENSE": "static/vendor/tabler-icons.LICENSE.txt",
    "axe-core/axe.min.js": "tests/vendor/axe.min.js",
    "axe-core/LICENSE": "tests/vendor/axe.LICENSE.txt",
}
TABLER_CSS: Final = "@tabler/core/dist/css/tabler.min.css"
SEALED: Final = ("static/vendor", "static/icons.svg", "tests/vendor")
MANIFEST: Final = "static/vendor/MANIFEST.sha256"

_SOURCE_MAP: Final = re.compile(r"/\*# sourceMappingURL=.*?\*/\s*")
_BANNER: Final = re.compile(r"/\*!(.*?)\*/", re.DOTALL)
_FRAME: Final = re.compile(r"<path stroke=\"none\" d=\"M0 0h24v24H0z\" fill=\"none\" ?/>")
_SVG: Final = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)

# The package of Tabler's sheet carries no licence file: its banner names the owners, this is the text it refers to.
_MIT: Final = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def icon_names(path: Path = ICON_LIST) -> list[str]:
    """Names listed in icons.txt, in order, comments left out. Raises ValueError if unsorted or doubled."""
    names = [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    if names != sorted(set(names)):
        raise ValueError("icons.txt is sorted, each name once.")
    return names


def build_sprite(names: list[str], icons: Path) -> str:
    """One SVG sheet of `<symbol id="i-NAME">`, drawn with the stroke of whoever uses it.

    Raises FileNotFoundError for an icon that the package doesn't have.
    """
    symbols = []
    for name in names:
        found = _SVG.search((icons / f"{name}.svg").read_text())
        if found is None:
            raise ValueError(f"{name}.svg is no SVG.")
        inside = " ".join(_FRAME.sub("", found[1]).split()).replace(" />", "/>").replace("> <", "><")
        symbols.append(f'<symbol id="i-{name}" viewBox="0 0 24 24">{inside}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def without_addresses(lock: dict[str, Any]) -> dict[str, Any]:
    """A package-lock.json without the addresses npm writes (`resolved`, `funding`): integrity digests are enough."""
    for package in lock["packages"].values():
        package.pop("resolved", None)
        package.pop("funding", None)
    return lock


def manifest(root: Path = ROOT) -> str:
    """Lines `sha256  path` of every sealed file, as `sha256sum -c` reads them from the root of the repository."""
    places = [root / place for place in SEALED]
    files = [*places, *(path for place in places for path in place.rglob("*"))]
    sealed = sorted(path for path in files if path.is_file() and path != root / MANIFEST)
    return "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(root).as_posix()}\n" for p in sealed)


def vendor(modules: Path, root: Path = ROOT) -> None:
    """Copy, build and seal everything from an installed node_modules."""
    for place in ("static/vendor", "tests/vendor"):
        shutil.rmtree(root / place, ignore_errors=True)
        (root / place).mkdir(parents=True)
    for source, destination in COPIES.items():
        # copyfile: content alone, npm's modes and dates say nothing.
        shutil.copyfile(modules / source, root / destination)
    css = (modules / TABLER_CSS).read_text()
    banner = _BANNER.search(css)
    if banner is None:
        raise ValueError("The sheet of Tabler lost its banner.")
    # A map that isn't served would be asked for by the browser and refused by the hashed storage.
    (root / "static/vendor/tabler.min.css").write_text(_SOURCE_MAP.sub("", css).rstrip() + "\n")
    owners = "\n".join(line.strip(" *") for line in banner[1].splitlines() if "Copyright" in line)
    (root / "static/vendor/tabler.LICENSE.txt").write_text(f"MIT License\n\n{owners}\n\n{_MIT}")
    (root / "static/icons.svg").write_text(build_sprite(icon_names(), modules / "@tabler/icons/icons/outline"))
    lock = root / "package-lock.json"
    lock.write_text(json.dumps(without_addresses(json.loads(lock.read_text())), indent=2) + "\n")
    (root / MANIFEST).write_text(manifest(root))


def main(*, install: bool = True) -> str:
    """Install with npm unless told otherwise, then vendor. Returns a line to print."""
    if install:
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    vendor(ROOT / "node_modules")
    return f"{len(manifest().splitlines())} files vendored and sealed in {MANIFEST}."


class Command(BaseCommand):
    help = "Renew the vendored files of static/vendor, static/icons.svg and tests/vendor, and their digests."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-install", action="store_true", help="take node_modules as it is")

    def handle(self, *args: Any, **options: Any) -> str:
        return main(install=not options["no_install"])


if __name__ == "__main__":
    print(main())
