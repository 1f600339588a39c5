"""What a server is told: by its arguments, and by the environment variables of the systems that it replaces."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models import preset_model

__all__ = ["SECRET_BYTES", "Settings", "is_loopback", "read_settings"]

MEBIBYTE = 1 << 20
SECRET_BYTES = 32
"""The fewest that tokens are signed with: as many as HS256 makes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen. Sizes are bytes, times seconds."""

    data: Path
    """The folder that holds uploads, results, recordings, galleries, the secret, and the database by default."""
    host: str = "127.0.0.1"
    port: int = 8000
    db: str | None = None
    """URL of the database: `postgresql://...`; None: SQLite in the data folder."""
    token: str | None = field(default=None, repr=False)
    """What programs send as `Authorization: Bearer`; None: a new one at every start."""
    secret: str | None = field(default=None, repr=False)
    """What tokens are signed with; None: the file `secret` in the data folder, made at the first start."""
    auth: bool = True
    """Whether callers must say who they are. Off only on loopback."""
    open_registration: bool = False
    """Whether anybody may register; otherwise only those who have the token."""
    store: bool = True
    """Whether uploads and results are kept for `retention_hours`. Otherwise they go a quarter of an hour after their
    job has ended, and there are no galleries."""
    allow_image_url: bool = False
    """Whether photos may be fetched from addresses that callers name."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other sites whose pages may call."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, besides loopback and plain addresses, under which the server may be called."""
    preset: str | None = None
    device: str = "auto"
    face_model: str | None = None
    detector: str | None = None
    min_face: int = 20
    max_images: int = 100
    request_timeout: float = 180.0
    retention_hours: float = 24.0
    max_upload: int = 1024 * MEBIBYTE
    max_json: int = 256 * MEBIBYTE
    min_free: int = 512 * MEBIBYTE
    """Bytes of the disk that are left free; uploads that would take them are refused."""
    rate_limit: str = "6000/minute"
    """Requests of one user."""
    max_waiting: int = 100
    """Jobs of one user that may wait at once; who has more must let some of them be done."""
    max_sessions: int = 32
    """Recordings, or live sessions, that one user may have open at once."""
    log_level: str = "INFO"
    patience: float = 15.0
    """Seconds without a heartbeat after which a worker counts as gone, and its job is another's."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts of one's own network that may be told when a job ends, besides public ones; also without TLS."""

    @property
    def database_url(self) -> str:
        """The URL of the database, as SQLAlchemy wants it."""
        if self.db is None:
            return f"sqlite:///{self.data / 'perceptkit.db'}"
        scheme, separator, rest = self.db.partition("://")
        if scheme in ("postgres", "postgresql"):
            scheme = "postgresql+psycopg"
        return scheme + separator + rest


# The name of the variable, the setting, and how to read its text.
_VARIABLES: tuple[tuple[str, str, Any], ...] = (
    ("PORT", "port", int),
    ("LOG_LEVEL", "log_level", str.upper),
    ("REQUEST_TIMEOUT", "request_timeout", float),
    ("MAX_IMAGES_PER_REQUEST", "max_images", int),
    ("MIN_FACE_SIZE", "min_face", int),
    ("FACE_MODEL", "face_model", str),
    ("DETECTOR_BACKEND", "detector", str),
    ("ALLOWED_ORIGINS", "allowed_origins", lambda text: _list(text)),
    ("ALLOWED_HOSTS", "allowed_hosts", lambda text: _list(text)),
    ("FILE_RETENTION_HOURS", "retention_hours", float),
    ("MAX_UPLOAD_BYTES", "max_upload", int),
    ("MIN_FREE_BYTES", "min_free", int),
    ("RATE_LIMIT", "rate_limit", str),
    ("MAX_SESSIONS_PER_USER", "max_sessions", int),
    ("MAX_WAITING_PER_USER", "max_waiting", int),
    ("ALLOW_IMAGE_URL", "allow_image_url", lambda text: _truth(text)),
    ("WORKER_PATIENCE", "patience", float),
    ("WEBHOOK_HOSTS", "webhook_hosts", lambda text: _list(text.lower())),
    ("PERCEPTKIT_TOKEN", "token", str),
    ("JWT_SECRET", "secret", str),
    ("PERCEPTKIT_DATABASE", "db", str),
)


def read_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings from the environment, and over them those `given` that are not None.

    Raises InputError for values that make no sense, and for a server that strangers could reach without saying who
    they are.
    """
    values: dict[str, Any] = {}
    for name, setting, parse in _VARIABLES:
        text = (os.environ if environ is None else environ).get(name, "").strip()
        if text:
            try:
                values[setting] = parse(text)
            except ValueError as error:
                raise InputError(f"{name} is {text!r}: {error}") from error
    values |= {name: value for name, value in given.items() if value is not None}
    # Absolute, so that nothing depends on where a process stands.
    values["data"] = Path(os.path.abspath(os.path.expanduser(values["data"])))  # noqa: PTH100, PTH111
    settings = Settings(**values)
    _check(settings)
    return settings


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can call a server at `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check(settings: Settings) -> None:
    if not settings.auth and not is_loopback(settings.host):
        raise InputError(
            f"at {settings.host} everybody in the network can call, so callers must say who they are: "
            "leave out --no-auth, or keep to --host 127.0.0.1"
        )
    preset_model("detector", settings.preset)  # an unknown preset is an error here, not at the first request
    if "*" in settings.allowed_origins:
        raise InputError("ALLOWED_ORIGINS is *: pages of any site could use what is here; name the sites")
    if settings.token is not None and len(settings.token) < 16:
        raise InputError("the token has fewer than 16 characters and could be guessed; give a longer one")
    if settings.token is not None and not all("!" <= letter <= "~" for letter in settings.token):
        raise InputError("the token is sent in a header: give one of ASCII letters, digits and signs, without spaces")
    if settings.secret is not None and len(settings.secret.encode()) < SECRET_BYTES:
        raise InputError(f"JWT_SECRET has fewer than {SECRET_BYTES} bytes and could be guessed; give a longer one")
    _check_rate(settings.rate_limit)
    _check_patience(settings.patience)
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise InputError(f"LOG_LEVEL is {settings.log_level!r}; choose DEBUG, INFO, WARNING, ERROR or CRITICAL")
    if not 0 <= settings.port <= 65535:
        raise InputError(f"port {settings.port} does not exist; give 1 to 65535, or 0 for one that is free")
    for name in (
        "request_timeout",
        "max_images",
        "min_face",
        "retention_hours",
        "max_upload",
        "max_sessions",
        "max_waiting",
    ):
        if not getattr(settings, name) > 0:
            raise InputError(f"{name} is {getattr(settings, name)}; it must be more than 0")


def _check_patience(seconds: float) -> None:
    if not seconds >= 1:
        raise InputError(f"WORKER_PATIENCE is {seconds:g} seconds; a worker says twice in one that it lives, give more")


def _check_rate(text: str) -> None:
    from limits import parse_many  # takes as long to import as all else that the processes with the models need of us

    try:
        rates = parse_many(text)
    except ValueError as error:
        raise InputError(f"RATE_LIMIT is {text!r}; give for example 6000/minute") from error
    if len(rates) != 1 or not rates[0].amount > 0:
        raise InputError(f"RATE_LIMIT is {text!r}; give one rate of at least 1, for example 6000/minute")


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _truth(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give 1 or 0")
