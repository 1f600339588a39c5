"""What a server is told: by its arguments, and by the environment variables of the systems that it replaces."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..face.defaults import MIN_FACE
from ..models import DEVICES, preset_model

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
    job has ended, or when the server stops, as do recordings, and there are no galleries."""
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
    min_face: int = MIN_FACE
    max_images: int = 100
    request_timeout: float = 180.0
    retention_hours: float = 24.0
    max_upload: int = 1024 * MEBIBYTE
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


_SOME, _ANY, _FREE = "more than 0", "at least 0", ""

# The name of the variable, the setting, how to read its text, and what a number must be.
_VARIABLES: tuple[tuple[str, str, Any, str], ...] = (
    ("PORT", "port", lambda text: _whole(text), _FREE),
    ("LOG_LEVEL", "log_level", str.upper, _FREE),
    ("REQUEST_TIMEOUT", "request_timeout", lambda text: _number(text), _SOME),
    ("MAX_IMAGES_PER_REQUEST", "max_images", lambda text: _whole(text), _SOME),
    ("MIN_FACE_SIZE", "min_face", lambda text: _whole(text), _SOME),
    ("FACE_MODEL", "face_model", lambda text: _model(text), _FREE),
    ("DETECTOR_BACKEND", "detector", lambda text: _model(text), _FREE),
    ("ALLOWED_ORIGINS", "allowed_origins", lambda text: _origins(text), _FREE),
    ("ALLOWED_HOSTS", "allowed_hosts", lambda text: _list(text), _FREE),
    ("FILE_RETENTION_HOURS", "retention_hours", lambda text: _number(text), _SOME),
    ("MAX_UPLOAD_BYTES", "max_upload", lambda text: _whole(text), _SOME),
    ("MIN_FREE_BYTES", "min_free", lambda text: _whole(text), _ANY),
    ("RATE_LIMIT", "rate_limit", str, _FREE),
    ("MAX_SESSIONS_PER_USER", "max_sessions", lambda text: _whole(text), _SOME),
    ("MAX_WAITING_PER_USER", "max_waiting", lambda text: _whole(text), _SOME),
    ("ALLOW_IMAGE_URL", "allow_image_url", lambda text: _truth(text), _FREE),
    ("WORKER_PATIENCE", "patience", lambda text: _number(text), _FREE),
    ("WEBHOOK_HOSTS", "webhook_hosts", lambda text: _list(text.lower()), _FREE),
    ("PERCEPTKIT_TOKEN", "token", str, _FREE),
    ("JWT_SECRET", "secret", str, _FREE),
    ("PERCEPTKIT_DATABASE", "db", str, _FREE),
)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def read_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings from the environment, and over them those `given` that are not None.

    Raises InputError for values that make no sense, and for a server that strangers could reach without saying who
    they are.
    """
    values: dict[str, Any] = {}
    for name, setting, parse, _ in _VARIABLES:
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
    if settings.device not in DEVICES:
        raise InputError(f"--device is {settings.device!r}; choose one of: {', '.join(DEVICES)}")
    _check_origins(settings.allowed_origins)
    _check_token(settings.token)
    if settings.secret is not None and len(settings.secret.encode()) < SECRET_BYTES:
        raise InputError(f"JWT_SECRET has fewer than {SECRET_BYTES} bytes and could be guessed; give a longer one")
    _check_rate(settings.rate_limit)
    _check_patience(settings.patience)
    if settings.log_level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise InputError(f"LOG_LEVEL is {settings.log_level!r}; choose DEBUG, INFO, WARNING, ERROR or CRITICAL")
    if not 0 <= settings.port <= 65535:
        raise InputError(
            f"port {settings.port} (--port, PORT) does not exist; give 1 to 65535, or 0 for one that is free"
        )
    for name, setting, _, limit in _VARIABLES:
        value = getattr(settings, setting)
        if (limit == _SOME and not value > 0) or (limit == _ANY and not value >= 0):
            raise InputError(f"{name} is {value}; it must be {limit}")


def _check_origins(origins: tuple[str, ...]) -> None:
    if "*" in origins:
        raise InputError("ALLOWED_ORIGINS is *: pages of any site could use what is here; name the sites")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise InputError(f"ALLOWED_ORIGINS has {origin!r}; an origin is like https://example.org, or with a :port")


def _check_token(token: str | None) -> None:
    if token is not None and len(token) < 16:
        raise InputError("--token, or PERCEPTKIT_TOKEN, has fewer than 16 characters and could be guessed")
    if token is not None and not all("!" <= letter <= "~" for letter in token):
        said = "is sent in a header: give one of ASCII letters, digits and signs, without spaces"
        raise InputError(f"--token, or PERCEPTKIT_TOKEN, {said}")


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


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError("give a whole number") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError("give a number") from error


def _model(text: str) -> str:
    """The name of a model, or where its file is, whoever looks from wherever."""
    return str(Path(text).absolute()) if Path(text).is_file() else text


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _origins(text: str) -> tuple[str, ...]:
    """As browsers send them."""
    return tuple(origin.lower().removesuffix("/") for origin in _list(text))


def _truth(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give 1 or 0")
