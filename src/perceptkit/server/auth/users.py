"""Those who registered: a row of the table each."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass
from uuid import uuid4

import sqlalchemy as sql

from ...errors import InputError
from ..database import users

__all__ = ["Account", "Taken", "add_account", "clean_name", "find_account", "find_named"]

_LONGEST = 255  # characters


class Taken(Exception):  # noqa: N818 - it says what the name is
    """Somebody else has this name."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who registered; `password` is the text of `hash_password`."""

    id: str
    name: str
    password: str


def clean_name(name: str) -> str:
    """The name as it is kept: however it is written or capitalised, it is the same name.

    Raises InputError for one that cannot be.
    """
    if len(name) <= _LONGEST:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
        # Cf: what cannot be seen, and what turns the direction of writing round.
        hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in folded)
        if 0 < len(folded) <= _LONGEST and not hidden:
            return folded
    raise InputError(f"a name has 1 to {_LONGEST} characters, all of which can be seen")


def add_account(engine: sql.Engine, name: str, password: str) -> Account:
    """Enter somebody under a clean name and a hashed password. Raises Taken."""
    account = Account(str(uuid4()), name, password)
    row = {"id": account.id, "name": name, "password": password, "created_at": time.time()}
    try:
        with engine.begin() as connection:
            connection.execute(sql.insert(users).values(row))
    except sql.exc.IntegrityError as error:
        raise Taken(name) from error
    return account


def find_account(engine: sql.Engine, account_id: str) -> Account | None:
    """Who has this id."""
    return _find(engine, users.c.id == account_id)


def find_named(engine: sql.Engine, name: str) -> Account | None:
    """Who has this clean name."""
    return _find(engine, users.c.name == name)


def _find(engine: sql.Engine, condition: sql.ColumnElement[bool]) -> Account | None:
    with engine.connect() as connection:
        row = connection.execute(sql.select(users.c.id, users.c.name, users.c.password).where(condition)).one_or_none()
    return row and Account(*row)
