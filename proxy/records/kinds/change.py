"""Changes: statements that alter the schema, or may lose data, and that a policy let pass.

The entry is written before the statement goes on, so it says what was about to run. Deliberately absent: how
the server answered, which is an entry of its own about this one's number (outcome.py).
"""

from __future__ import annotations

import msgspec

from proxy.records.kinds.kind import Payload


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One effect of a change.

    Attributes:
        on: what it falls on.
        detail: what its name does not say, such as the column.
    """

    effect: str
    on: str = ""
    detail: str = ""


class ChangeBegun(Payload, frozen=True, kw_only=True):
    """A statement is about to run.

    The entry's ``about`` is the SHA-256 of the text, in hexadecimal, to find other runs of it by.

    Attributes:
        statement: with its secrets masked; None where there is none (a message without text).
        effects, targets: without repeats.
        risk: the gravest of them.
        transaction: "none" or "open".
        policy: the digest of the policy that let it pass.
        environment: that policy's; "" where it names none.
        checksum: SHA-256 of the text's bytes; "" where a secret was masked, which could be guessed from it.
        statements: of each statement that does more than read, SHA-256 of its tokens; none for the same.
        run: the migration run that it belongs to, by its token's SHA-256; "" for none.
        parts: its effects one by one; () in entries of versions before there were any.
        migration, backup, approval, staging: the evidence by which the policy let it pass, several with ", "
            between; "" where it asked for none.
    """

    kind = "change"

    statement: str | None
    effects: tuple[str, ...]
    targets: tuple[str, ...]
    risk: str
    role: str
    database: str
    client_address: str | None
    application: str
    listener: str
    transaction: str
    policy: str
    environment: str = ""
    checksum: str = ""
    statements: tuple[str, ...] = ()
    run: str = ""
    parts: tuple[Part, ...] = ()
    migration: str = ""
    backup: str = ""
    approval: str = ""
    staging: str = ""
