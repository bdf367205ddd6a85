"""psql: one session in which a person types all of it. The program's path comes first, then the URL."""

import json
import subprocess
import sys

from tests.drivers.programs.lines import LABEL, SCRATCH, say

SCRIPT = f"""\
\\pset null NULL
\\echo = connect
\\echo :VERSION_NAME
SELECT pg_backend_pid() AS pid \\gset
{SCRATCH};
\\set label '{LABEL.replace(chr(92), chr(92) * 2).replace("'", chr(92) + "'")}'
\\echo = values
INSERT INTO scratch
VALUES (1, :'label', 12.50, '2026-03-04', '{{"a": [1, null, "x"]}}', '\\x00ff0d0a', '{{1,2,3}}', NULL);
\\pset format unaligned
SELECT label, price, day, doc, encode(raw, 'hex'), array_to_json(tags), nothing FROM scratch;
\\echo = transactions
BEGIN;
INSERT INTO orders VALUES (2, 'desk');
COMMIT;
BEGIN;
INSERT INTO orders VALUES (3, 'chair');
ROLLBACK;
SELECT id FROM orders WHERE id <= 9 ORDER BY id;
PREPARE item (int) AS SELECT item FROM orders WHERE id = $1;
\\echo = prepared
EXECUTE item (1);
EXECUTE item (2);
EXECUTE item (9);
INSERT INTO orders VALUES (10, 'a') \\; INSERT INTO orders VALUES (11, 'b') \\;
INSERT INTO orders VALUES (12, 'c');
\\echo = batch
SELECT id FROM orders WHERE id BETWEEN 10 AND 19 ORDER BY id;
COPY orders FROM STDIN;
20	pen
21	ink
\\.
\\echo = copy
COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT;
\\echo = notify
LISTEN news;
NOTIFY news, 'hello';
\\echo = columns
\\d orders
\\echo = refused_drop
DROP TABLE orders;
\\echo :SQLSTATE
\\echo = refused_delete
BEGIN;
INSERT INTO orders VALUES (30, 'never');
DELETE FROM orders;
\\echo :SQLSTATE
\\echo = aborted
SELECT 1;
\\echo :SQLSTATE
\\echo = rolled_back
ROLLBACK;
SELECT id FROM orders WHERE id BETWEEN 30 AND 39;
\\echo = more_work
EXECUTE item (1);
INSERT INTO orders VALUES (40, 'vase');
UPDATE orders SET item = 'table' WHERE id = 2;
\\echo :ROW_COUNT
SELECT count(*) FROM scratch;
SELECT pg_backend_pid() = :pid;
DROP TABLE scratch;
"""

psql, url = sys.argv[1:]
done = subprocess.run(
    [psql, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", url],
    input=SCRIPT,
    capture_output=True,
    text=True,
    check=True,
)
shown = {
    name: lines.splitlines()
    for name, _, lines in (part.partition("\n") for part in done.stdout.split("= ")[1:])
}
# Standard error holds the three errors and nothing else: ERROR, DETAIL and HINT, each on a line.
errors = [
    dict(line.split(":  ", 1) for line in f"ERROR:  {part}".splitlines())
    for part in done.stderr.split("ERROR:  ")
][1:]


def told(step: str) -> dict[str, str | None]:
    """The error of a step, as a person reads it; its SQLSTATE is a variable."""
    error = errors.pop(0)
    return {
        "class": "ERROR",
        "sqlstate": shown[step][-1],
        "message": error["ERROR"],
        "detail": error.get("DETAIL"),
        "hint": error.get("HINT"),
    }


say("connect", shown["connect"][0].split()[0])
label, price, day, doc, raw, tags, nothing = shown["values"][0].split("|")
say(
    "values",
    {
        "label": label,
        "price": price,
        "day": day,
        "doc": json.loads(doc),
        "raw": raw,
        "tags": json.loads(tags),
        "nothing": None if nothing == "NULL" else nothing,
    },
)
say("transactions", [int(line) for line in shown["transactions"]])
one, two = shown["prepared"]
say("prepared", [one, two, None])
say("batch", [int(line) for line in shown["batch"]])
say("copy", "".join(f"{line}\n" for line in shown["copy"]))
say("notify", shown["notify"][0].split('"')[1::2])
say("columns", [line.partition("|")[0] for line in shown["columns"] if "|" in line])
for step in ("refused_drop", "refused_delete"):
    say(step, told(step))
say("aborted", told("aborted")["sqlstate"])
say("rolled_back", shown["rolled_back"])
item, changed, scratch, same = shown["more_work"]
say(
    "more_work",
    {"item": item, "changed": int(changed), "scratch": int(scratch), "same_connection": same == "t"},
)
