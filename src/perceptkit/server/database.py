"""The tables of the server, in SQLite or PostgreSQL, and how they are opened."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sql

from ..errors import DeviceError, InputError, MissingExtraError

__all__ = ["jobs", "open_database", "recordings", "uploads", "users"]

_metadata = sql.MetaData()

jobs = sql.Table(
    "jobs",
    _metadata,
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=True),  # the order in which they came
    sql.Column("id", sql.String(36), nullable=False, unique=True),
    sql.Column("owner", sql.String(64), nullable=False, index=True),
    sql.Column("kind", sql.String(32), nullable=False),
    sql.Column("task", sql.String(36), index=True),  # what several jobs about one upload have in common
    sql.Column("upload", sql.String(36)),
    sql.Column("filename", sql.Text, nullable=False),
    sql.Column("parameters", sql.JSON, nullable=False),
    sql.Column("state", sql.String(16), nullable=False, index=True),
    sql.Column("created_at", sql.Float(53), nullable=False),
    sql.Column("started_at", sql.Float(53)),
    sql.Column("completed_at", sql.Float(53)),
    sql.Column("done", sql.Integer, nullable=False, default=0),
    sql.Column("total", sql.Integer),
    sql.Column("stage", sql.String(64), nullable=False, default=""),
    sql.Column("error", sql.Text),
    sql.Column("code", sql.String(32)),
    sql.Column("result", sql.JSON),
    sql.Column("attempts", sql.Integer, nullable=False, default=0),
    sql.Column("claim", sql.String(36)),  # of the attempt that is under way, or that ended it
    sql.Column("beat", sql.Integer, nullable=False, default=0),
    sql.Column("cancel", sql.Boolean, nullable=False, default=False),
    sql.Column("revision", sql.Integer, nullable=False, default=0),  # goes up with every change that callers see
    sql.Column("idempotency_key", sql.String(255)),
    sql.Column("webhook", sql.Text),
    sql.UniqueConstraint("owner", "idempotency_key"),
)

uploads = sql.Table(
    "uploads",
    _metadata,
    sql.Column("id", sql.String(36), primary_key=True),
    sql.Column("owner", sql.String(64), nullable=False, index=True),
    sql.Column("filename", sql.Text, nullable=False),  # for people to read; never a path
    sql.Column("suffix", sql.String(16), nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
    sql.Column("sha256", sql.String(64), nullable=False),
    sql.Column("facts", sql.JSON, nullable=False),  # what its header says
    sql.Column("created_at", sql.Float(53), nullable=False),
)

users = sql.Table(
    "users",
    _metadata,
    sql.Column("id", sql.String(36), primary_key=True),
    sql.Column("name", sql.String(255), nullable=False, unique=True),
    sql.Column("password", sql.Text, nullable=False),
    sql.Column("created_at", sql.Float(53), nullable=False),
)

recordings = sql.Table(
    "recordings",
    _metadata,
    sql.Column("id", sql.String(36), primary_key=True),
    sql.Column("owner", sql.String(64), nullable=False, index=True),
    sql.Column("filename", sql.Text, nullable=False),
    sql.Column("created_at", sql.Float(53), nullable=False),
)


def open_database(url: str) -> sql.Engine:
    """The database, with its tables made if they are not there.

    Raises InputError for a URL that cannot be used, DeviceError when the database does not answer.
    """
    try:
        engine = sql.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    except (sql.exc.ArgumentError, sql.exc.NoSuchModuleError) as error:
        raise InputError("the URL of the database cannot be used; give postgresql://USER:PASSWORD@HOST/NAME") from error
    except ModuleNotFoundError as error:
        raise MissingExtraError("postgres", "a PostgreSQL database") from error
    if engine.dialect.name == "sqlite":
        sql.event.listen(engine, "connect", _prepare_sqlite)
    elif engine.dialect.name != "postgresql":
        raise InputError(f"jobs can be kept in SQLite or PostgreSQL, not in {engine.dialect.name}")
    try:
        _metadata.create_all(engine)
    except sql.exc.DatabaseError as error:
        # Another process may have made them in between.
        if not sql.inspect(engine).has_table(recordings.name):
            raise DeviceError(f"the database cannot be opened: {error.orig}") from error
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers and a writer at once, what is committed survives a power cut, and a busy database is waited for."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
