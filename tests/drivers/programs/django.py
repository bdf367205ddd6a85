"""Django over psycopg 3: models, transactions, and migrations of an app that it writes first."""

import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings

from tests.drivers.programs.lines import DAY, DOC, LABEL, PRICE, RAW, TAGS, say, say_values, told

MODELS = """\
from django.contrib.postgres.fields import ArrayField
from django.db import models

class Order(models.Model):
    id = models.IntegerField(primary_key=True)
    item = models.TextField()
    class Meta:
        db_table = "orders"
        managed = False

class Scratch(models.Model):
    id = models.IntegerField(primary_key=True)
    label = models.TextField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    day = models.DateField()
    doc = models.JSONField()
    raw = models.BinaryField()
    tags = ArrayField(models.IntegerField())
    nothing = models.TextField(null=True)
    class Meta:
        db_table = "scratch"
        managed = False
"""
MIGRATION = """\
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [{dependencies}]
    operations = [{operation}]
"""
# The table orders is there already, as in a team that takes Django to an old database.
FIRST = """\
migrations.SeparateDatabaseAndState(state_operations=[
    migrations.CreateModel(
        "Item",
        fields=[("id", models.IntegerField(primary_key=True)), ("item", models.TextField())],
        options={"db_table": "orders"},
    ),
]),
migrations.CreateModel(
    "Note",
    fields=[("id", models.IntegerField(primary_key=True)), ("body", models.TextField())],
    options={"db_table": "notes"},
),
"""
url = urlsplit(sys.argv[1])
folder = tempfile.TemporaryDirectory()
app = Path(folder.name) / "shop"
(app / "migrations").mkdir(parents=True)
for name in ("__init__.py", "migrations/__init__.py"):
    (app / name).touch()
(app / "models.py").write_text(MODELS)
(app / "migrations" / "a_first.py").write_text(MIGRATION.format(dependencies="", operation=FIRST))
sys.path.insert(0, folder.name)
settings.configure(
    INSTALLED_APPS=["shop"],
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.hostname,
            "PORT": url.port,
            "USER": url.username,
            "NAME": url.path.removeprefix("/"),
        }
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402 - these need what was set up
from django.db import InternalError, ProgrammingError, connection, transaction  # noqa: E402
from shop.models import Order, Scratch  # noqa: E402


def ids(first: int, last: int) -> list[int]:
    """The ids of orders in a range."""
    return list(Order.objects.filter(id__range=(first, last)).order_by("id").values_list("id", flat=True))


def pid() -> int:
    """The backend's pid."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def columns(table: str) -> list[str]:
    """A table's columns, asked of the catalogue."""
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


first_pid = pid()
say("connect", django.get_version())

with connection.schema_editor() as editor:
    editor.execute(editor.table_sql(Scratch)[0].replace("CREATE TABLE", "CREATE TEMP TABLE"), None)
Scratch.objects.create(id=1, label=LABEL, price=PRICE, day=DAY, doc=DOC, raw=RAW, tags=TAGS, nothing=None)
row = Scratch.objects.get(id=1)
say_values(row.label, row.price, row.day, row.doc, row.raw, row.tags, row.nothing)

with transaction.atomic():
    Order.objects.create(id=2, item="desk")
with transaction.atomic():
    Order.objects.create(id=3, item="chair")
    transaction.set_rollback(True)
say("transactions", ids(1, 9))

Order.objects.bulk_create([Order(id=10, item="a"), Order(id=11, item="b"), Order(id=12, item="c")])
say("batch", ids(10, 19))
say("columns", columns("orders"))

call_command("migrate", "shop", "a_first", verbosity=0)
say("migrated", columns("notes"))
for step, operation in {
    "refused_migration": 'migrations.RemoveField("Item", "item")',
    "refused_drop": 'migrations.DeleteModel("Item")',
}.items():
    migration = app / "migrations" / f"b_{step}.py"
    migration.write_text(MIGRATION.format(dependencies='("shop", "a_first")', operation=operation))
    try:
        call_command("migrate", "shop", verbosity=0)
    except ProgrammingError as error:
        say(step, told(error, error.__cause__.diag))
    migration.unlink()

with transaction.atomic():
    Order.objects.create(id=30, item="never")
    try:
        Order.objects.all().delete()
    except ProgrammingError as error:
        say("refused_delete", told(error, error.__cause__.diag))
    transaction.set_rollback(False)
    try:
        ids(1, 1)
    except InternalError as error:
        say("aborted", error.__cause__.sqlstate)
    transaction.set_rollback(True)
say("rolled_back", ids(30, 39))

item = Order.objects.get(id=1).item
Order.objects.create(id=40, item="vase")
changed = Order.objects.filter(id=2).update(item="table")
scratch = Scratch.objects.count()
same = pid() == first_pid
with connection.cursor() as cursor:
    cursor.execute("DROP TABLE scratch")
say("more_work", {"item": item, "changed": changed, "scratch": scratch, "same_connection": same})
connection.close()
folder.cleanup()
