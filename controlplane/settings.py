"""What the operator configures: a TOML file, and the environment over it.

`CONTROLPLANE__SECTION__KEY` in the environment overrides `key` of `[section]`. Everything
unknown is refused, in the file and in the environment alike: a setting with a typing error
must not silently be its default.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controlplane import strategy
from controlplane.desired import windows

PREFIX = "CONTROLPLANE__"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]
Days = Annotated[int, Field(ge=1, le=36500)]
Mode = Literal["off", "report", "dry-run", "repair"]


class SettingsError(Exception):
    """The settings cannot be used: one sentence with the file and line, or the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _strategy(text: str) -> str:
    return str(strategy.parse(text))


def _window(text: str) -> str:
    windows.parse(text)
    return text


def _cidr(text: str) -> str:
    return str(ipaddress.ip_network(text))


class Database(_Section):
    """Where the desired state is kept."""

    url: str = ""
    """Empty: SQLite in the data folder. Else `sqlite:///PATH` or `postgresql://USER@HOST/NAME`."""
    backups: Annotated[int, Field(ge=0, le=1000)] = 5
    """How many copies of a SQLite database, made before migrations, are kept."""


Cidrs = tuple[Annotated[str, AfterValidator(_cidr)], ...]


class _Listener(_Section):
    """What both listeners have."""

    tls_certificate: Path | None = None
    """PEM, with the chain; none: no TLS."""
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """Who signs the certificates of clients; none: clients are asked for none."""
    trusted_proxies: Cidrs = ()
    """Peers whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    request_timeout: Seconds = 20.0
    """For a request to arrive, body and all."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self


class Lookups(_Listener):
    """The listener that FreeSWITCH asks."""

    host: str = "127.0.0.1"
    port: Port = 8081
    public_url: str = ""
    """What nodes are told to ask, when it is not http://HOST:PORT/xml_curl."""
    second_url: str = ""
    """Where a second replica answers: nodes are told to ask it when the first does not answer."""
    ca_file: str = ""
    """Where on a node's disk the certificates are against which it checks ours (PEM)."""
    timeout: Annotated[int, Field(ge=1, le=300)] = 10
    """Seconds that nodes are told to wait for an answer."""
    body_limit: Annotated[int, Field(ge=4096, le=64 << 20)] = 1 << 20
    cache_bytes: Annotated[int, Field(ge=0, le=64 << 30)] = 64 << 20
    wrong_at_once: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    wrong_per_minute: Annotated[float, Field(gt=0, le=1_000_000)] = 20.0
    kept: Annotated[int, Field(ge=1, le=100_000)] = 200
    """How many of the last lookups of each node are kept to be looked at."""
    cacheable_max: Annotated[int, Field(ge=0, le=2_147_483)] = 2_147_483
    """For how many ms a node may keep a user at most; more overflows in FreeSWITCH."""


class Documents(_Section):
    """What documents may hold."""

    allow_preprocessor: bool = False
    """FreeSWITCH's X-PRE-PROCESS directives, which act on the nodes that read them."""
    allow_exec: bool = False
    """Those too that run a command on the nodes; needs `allow_preprocessor`."""


class OperatorsListener(_Listener):
    """The listener of the HTTP API."""

    host: str = "127.0.0.1"
    port: Port = 8080
    body_limit: Annotated[int, Field(ge=4096, le=64 << 20)] = 1 << 20
    import_limit: Annotated[int, Field(ge=4096, le=1 << 30)] = 32 << 20
    """The same for what `controlplane import` sends: a whole configuration in one body."""
    metrics: Literal["token", "open", "off"] = "token"
    """Who may read /metrics: whoever has an operator's token, whoever reaches it, or nobody."""


class EventSocket(_Section):
    """Connections to the nodes."""

    connect_timeout: Seconds = 5.0
    command_timeout: Seconds = 10.0
    job_timeout: Seconds = 120.0
    """For commands that make the node fetch, or take long: they run as background jobs."""
    idle_timeout: Seconds = 45.0
    backoff_min: Seconds = 0.5
    backoff_max: Seconds = 30.0
    connects_at_once: Annotated[int, Field(ge=1, le=10000)] = 32
    """How many nodes may be logged in to at once."""
    connects_per_second: Annotated[float, Field(ge=1, le=10000)] = 100.0


class Push(_Section):
    """How changes go out."""

    debounce: Seconds = 0.2
    debounce_max: Seconds = 1.0
    parallel: Annotated[int, Field(ge=1, le=10000)] = 64
    per_second: Annotated[float, Field(ge=1, le=10000)] = 120.0
    deadline: Seconds = 60.0
    retry_min: Seconds = 1.0
    retry_max: Seconds = 300.0
    attempts: Annotated[int, Field(ge=1, le=1000)] = 10
    change_windows: tuple[Annotated[str, AfterValidator(_window)], ...] = ()
    """When pushes go out to nodes that have no windows of their own; none: at any time."""
    gateway_changes_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 30
    """How often one gateway is replaced on one node before it rests."""
    drop_registrations: bool = False
    """Of users whose password changed, and of those who are no more."""
    when_idle: bool = True
    """What would drop calls goes by itself once there are none; else the operator lets it through."""
    idle_check: Seconds = 10.0
    """Between two looks whether a node on which something is held carries calls."""


class Rollout(_Section):
    """How changes that interrupt calls are brought to several nodes."""

    strategy: Annotated[str, AfterValidator(_strategy)] = "one-by-one"
    """See `controlplane.strategy`."""
    settle: Seconds = 30.0
    """For a node's gateways to be again as they were before it was changed."""
    deadline: Seconds = 300.0
    """For a node to take the change."""
    away: Literal["skip", "wait"] = "skip"
    """What becomes of nodes that are away at their turn: they catch up later, or all wait for them."""
    canary_wait: Annotated[float, Field(ge=0, le=86400)] = 60.0
    """For how long canaries must be well before the rest follows."""
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.5
    error_calls: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    on_failure: Literal["stop", "roll-back"] = "stop"


class Placing(_Section):
    """What becomes of gateways that stand on one node."""

    move_after: Annotated[float, Field(ge=0, le=31_536_000)] = 0.0
    """Seconds for which their node is away before another of its group takes them over; 0: never."""


class Probe(_Section):
    """How nodes are asked to show that they can fetch from us."""

    period: Seconds = 60.0
    jitter: Annotated[float, Field(ge=0, le=3600)] = 5.0
    timeout: Seconds = 10.0
    """For one: the node asks us meanwhile, and waits itself as long as its binding says."""


class Modes(_Section):
    """What is done about drift, by kind."""

    gateways: Mode = "repair"
    profiles: Mode = "report"
    acls: Mode = "report"
    registrations: Mode = "report"
    modules: Mode = "report"
    variables: Mode = "report"


class Periods(_Section):
    """Seconds between two comparisons of one kind, where they are others than `period`."""

    gateways: Seconds | None = None
    profiles: Seconds | None = None
    acls: Seconds | None = None
    registrations: Seconds | None = None
    modules: Seconds | None = None
    variables: Seconds | None = None


class Ignored(_Section):
    """Names that are passed over, by kind: patterns as in a shell."""

    gateways: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    acls: tuple[str, ...] = ()
    registrations: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


class Reconcile(Modes):
    """How drift is looked for, and what is done about it."""

    period: Seconds = 60.0
    jitter: Annotated[float, Field(ge=0, le=3600)] = 5.0
    events: bool = True
    attempts: Annotated[int, Field(ge=1, le=1000)] = 5
    wipe_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    wipe_few: Annotated[int, Field(ge=0, le=100_000)] = 3
    periods: Periods = Periods()
    ignore: Ignored = Ignored()


class Retention(_Section):
    """How long history is kept, in days."""

    revisions: Days = 365
    audit: Days = 365
    pushes: Days = 30
    findings: Days = 90


class Log(_Section):
    """Logs."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """Everything that can be configured, checked."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Path("var")
    """Where the SQLite database, the key file and the backups are."""
    key_file: Path | None = None
    """The key that opens every secret; by default `secrets.key` in the data folder."""
    database: Database = Database()
    lookups: Lookups = Lookups()
    documents: Documents = Documents()
    operators: OperatorsListener = OperatorsListener()
    event_socket: EventSocket = EventSocket()
    push: Push = Push()
    rollout: Rollout = Rollout()
    placing: Placing = Placing()
    probe: Probe = Probe()
    reconcile: Reconcile = Reconcile()
    retention: Retention = Retention()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file (given as init values), and no other source."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database.url or f"sqlite:///{self.data_dir.absolute() / 'controlplane.db'}"

    @property
    def key_path(self) -> Path:
        """The key file's path, with the default filled in."""
        return self.key_file or self.data_dir / "secrets.key"

    @property
    def lookup_url(self) -> str:
        """What a node is told to ask."""
        host = f"[{self.lookups.host}]" if ":" in self.lookups.host else self.lookups.host
        scheme = "http" if self.lookups.tls_certificate is None else "https"
        return self.lookups.public_url or f"{scheme}://{host}:{self.lookups.port}/xml_curl"


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (None: only defaults) and the environment; raises SettingsError."""
    values = {} if path is None else _read(path)
    _refuse_unknown_environment(environment)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(path, error)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise SettingsError(f"{path}: {reason}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its text ends in "(at line 3, column 7)" or "(at end of document)".
        reason, _, place = str(error).rpartition(" (at ")
        line = place.removeprefix("line ").partition(",")[0]
        if not line.isdecimal():
            line = str(max(1, len(text.splitlines())))
        raise SettingsError(f"{path}:{line}: {reason}") from None


def _refuse_unknown_environment(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.upper().startswith(PREFIX) and not _known(Settings, name[len(PREFIX) :].lower().split("__")):
            raise SettingsError(f"environment variable {name}: there is no such setting")


def _known(model: object, path: Sequence[str]) -> bool:
    """Whether the path leads to a setting, or to a section as a whole."""
    if not path:
        return True
    if not (isinstance(model, type) and issubclass(model, BaseModel) and path[0] in model.model_fields):
        return False
    return _known(model.model_fields[path[0]].annotation, path[1:])


def _sentence(path: Path | None, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    reason = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
    return f"{path or 'settings'}: {key}: {reason}"
