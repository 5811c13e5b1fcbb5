"""What waits in a hospital before its fall; and what processes do after its return (see `test_backup`): each prints JSON."""

from __future__ import annotations

import uuid

from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from admissions.models import Stay
from billing.models import ExchangeFile, Invoice
from teleservices.models import TeleserviceCall

OPERATIONS = {"CLC": uuid.UUID(int=7), "SIM": uuid.UUID(int=8)}


def leave_something_to_send(stay: Stay) -> None:
    """A CLC and a SIM are planned, a lot is prepared, an invoice is ready. Nothing of them has left."""
    for operation, message_id in OPERATIONS.items():
        call = TeleserviceCall.objects.filter(stay=stay, operation="CLC").earliest("pk")
        call.pk, call.operation, call.message_id = None, operation, message_id
        call.status, call.in_doubt, call.attempts_count, call.not_before = "planned", False, 0, timezone.now()
        call.first_sent_at = call.finished_at = call.claimed_until = call.slot = None
        call.cause = call.return_code = ""
        call.save(force_insert=True)
    lot = ExchangeFile.objects.get(direction="out")
    prepared = ExchangeFile(
        direction="out", kind="DRE-ES", name="DRE-ES-prepared.txt", content_digest="0" * 64, lot_number="000000777",
        recipient=lot.recipient, status="prepared",
    )  # fmt: skip
    prepared.file.save("kept/DRE-ES-prepared.txt", ContentFile(b"a lot"))
    invoice = Invoice.objects.filter(payer="AMC").earliest("pk")
    with connection.cursor() as cursor:
        # One that has left cannot be made ready again: the triggers say so.
        cursor.execute("set session_replication_role = replica")
        cursor.execute("update billing_invoice set status = 'ready', sent_at = null where id = %s", [invoice.pk])
        cursor.execute("set session_replication_role = origin")


AFTER = """
import json, sys
from django.test import Client
from django.core.files.storage import storages
from django.core.management import call_command
from accounts.journal import sealing
from accounts.models import JournalEntry, Session, User
from admissions.models import Card, Stay
from admissions.services.patients import next_number
from billing import lots
from billing.models import ExchangeFile, Invoice, NumberSeries
from teleservices import engine
from teleservices.models import TeleserviceAttempt, TeleserviceCall
import uuid
stay = Stay.objects.select_related("patient").get(iep=sys.argv[1])
user = User.objects.get(username=sys.argv[2])
sessions = Session.objects.count()
user.set_password("an invented phrase")
user.save()
desk = Client(headers={"host": "testserver"})
assert desk.post("/connexion/", {"username": user.username, "password": "an invented phrase"}).status_code == 302
page = desk.get(f"/sejours/{stay.iep}/")
with Card.objects.get().image.open("rb") as file:
    image = file.read()
calls = {c.operation: [c.status, c.cause, c.message_id == uuid.UUID(int=7 if c.operation == "CLC" else 8)]
    for c in TeleserviceCall.objects.filter(status__in=("planned", "needs_referent"))}
with storages["exchange"].open("in/578R-attend.txt") as file:
    waiting = file.read().decode()
before = TeleserviceAttempt.objects.filter(call__operation="CLC").count()
lot_before = NumberSeries.objects.get(name="lots").last
sent = lots.send_lots()
for call in TeleserviceCall.objects.filter(operation="CLC"):
    engine.run(call.pk)
try:
    out = storages["exchange"].listdir("out")[1]
except FileNotFoundError:
    out = []
sealing.seal()
print("JSON:" + json.dumps({
    "page": page.status_code, "name": stay.patient.birth_name in page.text, "nir": stay.patient.nir,
    "image": image.hex(), "file": 200 if ExchangeFile.objects.first().file.open("rb").read() else 404,
    "sound": sealing.verify().sound, "restored": JournalEntry.objects.filter(action="restore").count(),
    "sessions": sessions, "waiting": waiting, "out": out, "calls": calls,
    "left": TeleserviceAttempt.objects.filter(call__operation="CLC").count() - before, "lots": sent,
    "iep": next_number("stay_iep"), "lot_number": lot_before,
}))
"""

RELEASED = """
import json
from django.core.files.storage import storages
from django.core.management import call_command
import io
from billing import lots
from billing.models import Invoice
from billing.restored import RESTORED
from teleservices.models import TeleserviceCall
call_command("release_restored", stdout=io.StringIO())
lots.send_lots()
print("JSON:" + json.dumps({
    "calls": TeleserviceCall.objects.filter(operation="CLC", status="planned").count(),
    "out": len(storages["exchange"].listdir("out")[1]),
    "held": Invoice.objects.filter(blocked_reason=RESTORED).count(),
}))
"""

#: Every way in which a backup may not come back; each says why, and how many tables there are after it.
REFUSED = """
import io, json, pathlib, sys
import psycopg
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
folder, ring = pathlib.Path(sys.argv[1]), sys.argv[2]
said = {}
def restore(name, *options, where=folder):
    out = io.StringIO()
    try:
        call_command("restore", str(where), *options, stdout=out)
        said[name] = out.getvalue()
    except CommandError as refused:
        said[name] = f"{refused} [{len(connection.introspection.table_names())} tables]"
sealed, manifest = folder / "database.sealed", folder / "manifest.json"
whole, text = sealed.read_bytes(), manifest.read_text()
sealed.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
restore("damaged")
sealed.unlink()
restore("cut")
sealed.write_bytes(whole)
manifest.write_text(text.replace('"accounts_user": ', '"accounts_user": 1'))
restore("forged")
manifest.write_text(text)
with override_settings(BACKUP_KEY="another key" * 4):
    restore("another key")
with override_settings(BACKUP_KEY=f"a newer key of the backups,{ring}"):
    restore("older key", "--check")
restore("nothing", where=folder.parent)
restore("leap", "--leap=-1")
with psycopg.connect(sys.argv[3]):
    restore("in use")
restore("done")
restore("not empty")
restore("replaced", "--replace")
call_command("migrate", "--check")
print("JSON:" + json.dumps(said))
"""
