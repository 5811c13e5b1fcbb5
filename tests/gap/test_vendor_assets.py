"""The vendored files are those that were sealed, and nothing in the pages asks another host for anything."""

from __future__ import annotations

import json
import re

import pytest

from gap.management.commands.vendor_assets import (
    ICON_LIST,
    MANIFEST,
    ROOT,
    build_sprite,
    icon_names,
    manifest,
    without_addresses,
)
from gap.templatetags.gap_ui import CALL_STATES, TONE_ICONS

URL = re.compile(r"url\(\s*['\"]?([^'\")]*)", re.IGNORECASE)
LICENCES = ("static/vendor/inter", "static/vendor/tabler", "static/vendor/tabler-icons", "tests/vendor/axe")


def test_vendored_files_are_those_of_the_manifest():
    assert (ROOT / MANIFEST).read_text() == manifest()


@pytest.mark.parametrize("sheet", sorted((ROOT / "static").rglob("*.css")), ids=lambda path: path.name)
def test_no_sheet_refers_to_another_host(sheet):
    text = sheet.read_text()
    addresses = [address for address in URL.findall(text) if not address.startswith("data:")]
    assert [address for address in addresses if "//" in address] == []
    assert all((sheet.parent / address).is_file() for address in addresses)
    assert "@import" not in text
    assert "sourceMappingURL" not in text


@pytest.mark.parametrize("script", sorted((ROOT / "static/js").glob("*.js")), ids=lambda path: path.name)
def test_no_script_of_ours_names_a_host_or_evaluates_text(script):
    text = script.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text
    assert not re.search(r"\beval\(|new Function|\.innerHTML|\.style\b|setAttribute\(\"style", text)


def test_every_vendored_work_comes_with_its_licence():
    for name in LICENCES:
        assert len((ROOT / f"{name}.LICENSE.txt").read_text()) > 500, name


def test_the_lock_file_names_no_address():
    lock = (ROOT / "package-lock.json").read_text()
    assert "://" not in lock
    assert "resolved" not in lock


def test_package_and_lock_pin_the_same_exact_versions():
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wanted = package["dependencies"] | package["devDependencies"]
    assert wanted == {name: lock[f"node_modules/{name}"]["version"] for name in wanted}


def test_addresses_leave_the_lock_file_and_digests_stay():
    lock = {
        "packages": {"": {"name": "x"}, "node_modules/a": {"resolved": "u", "funding": {}, "integrity": "sha512-z"}}
    }
    assert without_addresses(lock)["packages"]["node_modules/a"] == {"integrity": "sha512-z"}


def test_the_sprite_holds_the_listed_icons_and_no_colour_of_its_own():
    sprite = (ROOT / "static/icons.svg").read_text()
    assert re.findall(r'<symbol id="i-([a-z0-9-]+)"', sprite) == icon_names(ICON_LIST)
    assert "stroke=" not in sprite
    assert "style" not in sprite


def test_a_sprite_drops_the_frame_of_an_icon(tmp_path):
    (tmp_path / "dot.svg").write_text(
        '<svg viewBox="0 0 24 24">\n <path stroke="none" d="M0 0h24v24H0z" fill="none" />\n <path d="M1 1" />\n</svg>'
    )
    assert '<symbol id="i-dot" viewBox="0 0 24 24"><path d="M1 1"/></symbol>' in build_sprite(["dot"], tmp_path)


def test_an_unsorted_icon_list_is_refused(tmp_path):
    (tmp_path / "icons.txt").write_text("b\na\n")
    with pytest.raises(ValueError, match="sorted"):
        icon_names(tmp_path / "icons.txt")


def test_every_icon_that_a_template_or_a_tone_names_is_in_the_sprite():
    listed = set(icon_names())
    named = set()
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        for component in re.findall(r"<c-(?!vars|slot)[^>]*", text):
            attribute = "name" if component.startswith("<c-icon") else "icon"
            named.update(re.findall(rf'\b{attribute}="([a-z0-9-]+)"', component))
    named |= {*TONE_ICONS.values(), *(icon for _, icon, _ in CALL_STATES.values())}
    assert named - listed == set()
