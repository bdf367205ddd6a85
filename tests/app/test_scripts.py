"""Which SQL each tool's folder of migrations would send, in which order, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.app.offline.scripts import find_scripts

# Tool: files with their text; the scripts, each name with what is sent; what is passed over.
FOLDERS: dict[str, tuple[dict[str, str], list[tuple[str, str]], list[str]]] = {
    "prisma": (
        {
            "20240102_b/migration.sql": "B",
            "20240101_a/migration.sql": "A",
            "migration_lock.toml": "x",
        },
        [("20240101_a", "A"), ("20240102_b", "B")],
        [],
    ),
    "drizzle": (
        {"0001_b.sql": "B;--> statement-breakpoint\nC", "0000_a.sql": "A", "meta/0000_snapshot.json": "{}"},
        [("0000_a", "A"), ("0001_b", "B;--> statement-breakpoint\nC")],
        [],
    ),
    "supabase": (
        {"migrations/20240101000000_a.sql": "A", "config.toml": ""},
        [("20240101000000_a", "A")],
        [],
    ),
    "flyway": (
        {"V10__c.sql": "C", "V2__b.sql": "B", "V1_1__a.sql": "A", "U2__b.sql": "X", "R__r.sql": "R"},
        [("V1_1__a", "A"), ("V2__b", "B"), ("V10__c", "C"), ("R__r", "R")],
        ["U2__b.sql: undoes a migration; it does not run on the way up"],
    ),
    "golang-migrate, sqlx": (
        {"2_b.up.sql": "B", "2_b.down.sql": "X", "10_c.up.sql": "C", "1_a.up.sql": "A"},
        [("1_a", "A"), ("2_b", "B"), ("10_c", "C")],
        ["2_b.down.sql: undoes a migration; it does not run on the way up"],
    ),
    "diesel": (
        {"2024_a/up.sql": "A", "2024_a/down.sql": "X"},
        [("2024_a", "A")],
        ["2024_a/down.sql: undoes a migration; it does not run on the way up"],
    ),
    "dbmate": (
        {"1_a.sql": "-- migrate:up\nA;\n\n-- migrate:down\nDROP;\n"},
        [("1_a", "-- migrate:up\nA;\n\n               \n     \n")],
        [],
    ),
    "goose": (
        {
            "1_a.sql": "-- +goose Up\n-- +goose StatementBegin\nA;\n-- +goose StatementEnd\n"
            "-- +goose Down\nX;\n",
            "2_b.go": "package x",
        },
        [("1_a", "-- +goose Up\n-- +goose StatementBegin\nA;\n-- +goose StatementEnd\n              \n  \n")],
        ["2_b.go: is Go, whose SQL does not exist before it runs"],
    ),
    "rails": (
        {"structure.sql": "\\restrict abc\nA;\n\\unrestrict abc\n", "migrate/1_a.rb": "x"},
        [("structure", "             \nA;\n               \n")],
        ["migrate/1_a.rb: is Ruby, whose SQL does not exist before it runs"],
    ),
    "django": (
        {"0001_initial.py": "x", "__init__.py": ""},
        [],
        ["0001_initial.py: is Python; give the output of `manage.py sqlmigrate` or `alembic upgrade --sql`"],
    ),
    "knex, typeorm": (
        {"1_a.js": "x", "2_b.ts": "x", "node_modules/x.sql": "X", ".hidden/x.sql": "X"},
        [],
        [
            "1_a.js: is JavaScript, whose SQL does not exist before it runs",
            "2_b.ts: is TypeScript, whose SQL does not exist before it runs",
        ],
    ),
}


@pytest.mark.parametrize("tool", FOLDERS)
def test_a_folder_of_migrations(tool: str, tmp_path: Path) -> None:
    files, scripts, skipped = FOLDERS[tool]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_scripts([str(tmp_path)])
    assert [(script.name, script.sql) for script in found.scripts] == scripts
    root = tmp_path.as_posix() + "/"
    assert [f"{each.path.removeprefix(root)}: {each.reason}" for each in found.skipped] == skipped


def test_files_are_read_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    for name in ("a.sql", "b.sql"):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbfSELECT 1")
    (tmp_path / "c.sql").write_bytes(b"\xff")
    paths = [str(tmp_path / name) for name in ("b.sql", "a.sql", "c.sql")]
    found = find_scripts(paths)
    assert [(script.path, script.sql) for script in found.scripts] == [
        (path, "SELECT 1") for path in paths[:2]
    ]
    assert [(each.path, each.reason) for each in found.skipped] == [(paths[2], "is not UTF-8 text")]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        find_scripts([str(tmp_path / "absent")])
    assert raised.value.filename == str(tmp_path / "absent")
