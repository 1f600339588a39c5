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
    sql.Column("done", sql.BigInteger, nullable=False, default=0),
    sql.Column("total", sql.BigInteger),
    sql.Column("stage", sql.String(64), nullable=False, default=""),
    sql.Column("share", sql.Float(53), nullable=False, default=0.0),  # of all that it does, 0 to 1
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
    sql.Column("announced", sql.Boolean, nullable=False, default=True, index=True),  # its webhook has been called
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
    sql.Column("sample_rate", sql.Integer, nullable=False),
    sql.Column("channels", sql.Integer, nullable=False),
    sql.Column("convention", sql.String(32), nullable=False),  # how its angles are meant
    sql.Column("completed_at", sql.Float(53)),
    sql.Column("bytes", sql.BigInteger),
    sql.Column("facts", sql.JSON),  # what is known when it has ended
)


_TRIES = 10

# A connection that was cut is noticed in seconds, so that a program can still be stopped in time.
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}


def open_database(url: str) -> sql.Engine:
    """The database, with its tables made if they are not there.

    Raises InputError for a URL that cannot be used, DeviceError when the database does not answer.
    """
    try:
        where = _sqlite_url(url) or sql.make_url(url)
        kind = where.get_backend_name()
    except sql.exc.ArgumentError as error:
        raise InputError("the URL of the database cannot be used; give postgresql://USER:PASSWORD@HOST/NAME") from error
    if kind not in ("sqlite", "postgresql"):
        raise InputError(f"jobs can be kept in SQLite or PostgreSQL, not in {kind}")
    try:
        engine = sql.create_engine(
            where,
            pool_pre_ping=kind == "postgresql",
            pool_size=50,  # more than there are threads that use it; kept, as to open one costs more than what is asked
            connect_args=_NETWORK if kind == "postgresql" else {},
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("postgres", "a PostgreSQL database") from error
    if kind == "sqlite":
        sql.event.listen(engine, "connect", _prepare_sqlite)
    _make_tables(engine)
    return engine


def _sqlite_url(url: str) -> sql.URL | None:
    """The URL of a file, whose name may hold what means something else in URLs."""
    scheme, separator, path = url.partition(":///")
    return sql.URL.create("sqlite", database=path) if scheme == "sqlite" and separator else None


def _make_tables(engine: sql.Engine) -> None:
    """Make the tables that are missing; programs that start at the same time may each make some."""
    for left in reversed(range(_TRIES)):
        try:
            _metadata.create_all(engine)
            return
        except sql.exc.OperationalError as error:
            if "already exists" not in str(error.orig) or not left:  # as SQLite says it
                raise _not_opened(error) from error
        except sql.exc.DatabaseError as error:
            if not left:
                raise _not_opened(error) from error


def _not_opened(error: sql.exc.DatabaseError) -> DeviceError:
    said = " ".join(str(error.orig).split())
    return DeviceError(f"the database cannot be opened: {said}")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers and a writer at once, what is committed survives a power cut, and a busy database is waited for.

    It is waited for only by the first statement of a transaction: let that be the one that writes.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    cursor.close()
