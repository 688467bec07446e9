"""The configuration file: which facilities there are, which booking systems serve them, and the limits for each.

One YAML file describes them to every role. Unknown keys are faults, each fault names its line and field, and nothing
starts on a faulty file. Durations are seconds unless a name says otherwise.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.contracts.identifiers import HsaId, hsa_key
from shared.contracts.model import Interaction

PositiveSeconds = Annotated[float, Field(gt=0, le=86_400)]


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    return value


Url = Annotated[str, AfterValidator(_http_url)]


class ConfigurationError(ValueError):
    """Raised when a configuration file is faulty; `faults` holds one `file:line: field: what is wrong` each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Misplaced(ValueError):
    """Raised by a check that sees more than one field: `faults` says of each where it is, seen from there, and what."""

    def __init__(self, *faults: tuple[tuple[str, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(place)}: {text}" for place, text in faults))
        self.faults = faults


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Registry(_Strict):
    """The service addressing catalogue, asked with GetSupportedServiceContracts."""

    url: Url
    logical_address: HsaId = "SE165565594230-1000"
    consumer: HsaId


class Search(_Strict):
    """How far a search goes by itself and how long the first day waits for the slower facilities."""

    auto_extensions: int = Field(default=1, ge=0, le=6)
    horizon_months: int = Field(default=12, ge=1, le=36)
    first_day_wait: float = Field(default=1.5, ge=0, le=30)


class CacheTimes(_Strict):
    """How many seconds each kind of answer is fresh; 0 turns the cache off for that kind."""

    contracts: float = Field(default=300, ge=0)
    facilities: float = Field(default=60, ge=0)
    performers: float = Field(default=60, ge=0)
    days: float = Field(default=30, ge=0)
    timeslots: float = Field(default=15, ge=0)


class RebookingTimes(_Strict):
    """How many seconds after its end a rebooking is looked at again that was told as not done, or couldn't be verified.

    The settling time is each producer's own.
    """

    watch: tuple[PositiveSeconds, ...] = Field(default=(300, 1_800), min_length=1)


class CommentRules(_Strict):
    """What a comment may hold beyond the flow's own letters, and how long it may be in code points."""

    extra_letters: str = ""
    max_length: int = Field(default=500, ge=1, le=4000)


class ClientLimits(_Strict):
    """How much one subject and one address may ask of a gateway."""

    sockets_per_subject: int = Field(default=5, ge=1)
    sockets_per_address: int = Field(default=200, ge=1)
    commands_per_10s: int = Field(default=30, ge=1)
    commands_per_10s_per_address: int = Field(default=6000, ge=1)


class Timeouts(_Strict):
    """For how long a booking system is waited for: `read` for look-ups, `update` and `deadline` for UpdateBooking.

    `update` must exceed the national platform's own 30 seconds, or we make ambiguity ourselves; it is a warning from
    `omboka check`, not a fault, so that tests can be quick.
    """

    connect: PositiveSeconds = 3
    read: PositiveSeconds = 10
    update: PositiveSeconds = 35
    deadline: PositiveSeconds = 40


class ProducerLimits(_Strict):
    """How much a booking system is asked at once: places and waiting in each process, calls/s over all processes."""

    concurrency: int = Field(default=8, ge=1, le=1000)
    waiting: int = Field(default=16, ge=0, le=10_000)
    wait: PositiveSeconds = 2
    rate: float | None = Field(default=10.0, gt=0)
    burst: int = Field(default=20, ge=1)
    booking_concurrency: int = Field(default=4, ge=1, le=1000)


class BreakerLimits(_Strict):
    """After how many failures in a row look-ups stop asking, and for how many seconds."""

    failures: int = Field(default=5, ge=1)
    open_for: PositiveSeconds = 30


class Tls(_Strict):
    """Our certificate towards a booking system and whom we trust there; paths of PEM files."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None


class Producer(_Strict):
    """A booking system. `url` holds `{contract}`, which becomes the interaction's name."""

    url: Url
    timeouts: Timeouts = Timeouts()
    limits: ProducerLimits = ProducerLimits()
    breaker: BreakerLimits = BreakerLimits()
    settle: PositiveSeconds = 90
    tls: Tls | None = None

    @model_validator(mode="after")
    def _url_has_contract(self) -> Producer:
        if "{contract}" not in self.url:
            raise Misplaced((("url",), "must hold {contract}"))
        return self

    def address(self, interaction: Interaction) -> str:
        """The address that takes the given interaction."""
        return self.url.replace("{contract}", interaction.value)


class Facility(_Strict):
    """A healthcare facility as this system knows it; `name` is the only name that a patient is shown.

    `producers` lists the booking systems connected to it: exactly one makes it eligible for rebooking.
    """

    id: HsaId
    name: str = Field(min_length=1, max_length=200)
    phone: str = Field(min_length=1, max_length=50)
    producers: tuple[str, ...] = ()
    rebooking: bool = True
    show_end_time: bool = False
    terms: str = ""
    terms_file: Path | None = None
    contracts: Literal["auto"] | tuple[Interaction, ...] = "auto"
    notification: str | None = Field(default=None, max_length=1000)


class Simulator(_Strict):
    """What `omboka simulator` and `omboka demo` read; the services ignore it."""

    seed: int = 1
    clock: dt.datetime | None = None
    patients: int = Field(default=10, ge=1, le=100_000)
    mishaps: tuple[dict[str, Any], ...] = ()
    profiles: dict[str, dict[str, Any]] = {}


class Configuration(_Strict):
    """The whole file. `facilities` is keyed by HSA-id; look one up with `facility`, whatever its case."""

    registry: Registry | None = None
    search: Search = Search()
    cache: CacheTimes = CacheTimes()
    rebooking: RebookingTimes = RebookingTimes()
    comment: CommentRules = CommentRules()
    agents: bool = False
    limits: ClientLimits = ClientLimits()
    producers: dict[str, Producer]
    facilities: dict[str, Facility]
    simulator: Simulator = Simulator()

    @model_validator(mode="before")
    @classmethod
    def _facilities_know_their_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("facilities"), dict):
            facilities = {
                key: {"id": key, **value} if isinstance(value, dict) else value
                for key, value in data["facilities"].items()
            }
            return {**data, "facilities": facilities}
        return data

    @model_validator(mode="after")
    def _references_hold(self) -> Configuration:
        seen: dict[str, str] = {}
        faults: list[tuple[tuple[str, ...], str]] = []
        for key, facility in self.facilities.items():
            first = seen.setdefault(hsa_key(key), key)
            if first != key:
                faults.append((("facilities", key), f"is the same HSA-id as {first}"))
            for producer in facility.producers:
                if producer not in self.producers:
                    faults.append((("facilities", key, "producers"), f"there is no producer '{producer}'"))
            if facility.contracts == "auto" and self.registry is None:
                faults.append((("facilities", key, "contracts"), "must be a list, because there is no registry"))
        if faults:
            raise Misplaced(*faults)
        return self

    def facility(self, hsa_id: str) -> Facility | None:
        """Find a facility by its HSA-id, whatever its case; None when the catalogue doesn't have it."""
        found = self.facilities.get(hsa_id)
        if found is not None:
            return found
        key = hsa_key(hsa_id)
        return next((one for name, one in self.facilities.items() if hsa_key(name) == key), None)

    def producer_of(self, facility: Facility) -> Producer | None:
        """The booking system of a facility, or None unless it has exactly one."""
        return self.producers[facility.producers[0]] if len(facility.producers) == 1 else None

    @property
    def consumer(self) -> str:
        """The HSA-id of this system itself, which goes along on every call."""
        return self.registry.consumer if self.registry else "SE0000000000-OMBOKA"


def load_configuration(path: str | Path) -> Configuration:
    """Read and check a configuration file; `terms_file` is read into `terms`, relative to the file.

    Raises ConfigurationError with each fault by file, line and field.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: cannot be read: it isn't text in UTF-8"]) from error
    return parse_configuration(text, source=str(path), folder=path.parent)


def parse_configuration(text: str, *, source: str = "configuration", folder: Path | None = None) -> Configuration:
    """Check the text of a configuration file; `folder` is where its relative paths start.

    Raises ConfigurationError with each fault by source, line and field.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigurationError([f"{source}:{line}: not YAML: {getattr(error, 'problem', error)}"]) from error
    if not isinstance(data, dict):
        raise ConfigurationError([f"{source}:1: must be a mapping with producers and facilities"])
    try:
        configuration = Configuration.model_validate(data)
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_url=False, include_input=False):
            raised = fault.get("ctx", {}).get("error")
            told = (
                raised.faults if isinstance(raised, Misplaced) else [((), fault["msg"].removeprefix("Value error, "))]
            )
            for place, message in told:
                loc = (*fault["loc"], *place)
                field = ".".join(str(part) for part in loc) or "file"
                faults.append(f"{source}:{_line(tree, loc)}: {field}: {message}")
        raise ConfigurationError(faults) from error
    return _with_terms(configuration, source, folder or Path("."))


def _with_terms(configuration: Configuration, source: str, folder: Path) -> Configuration:
    facilities, faults = {}, []
    for key, facility in configuration.facilities.items():
        if facility.terms_file is not None:
            try:
                terms = (folder / facility.terms_file).read_text(encoding="utf-8")
            except OSError as error:
                faults.append(f"{source}:1: facilities.{key}.terms_file: cannot be read: {error.strerror}")
                continue
            except UnicodeDecodeError:
                faults.append(f"{source}:1: facilities.{key}.terms_file: cannot be read: it isn't text in UTF-8")
                continue
            facility = facility.model_copy(update={"terms": terms})
        facilities[key] = facility
    if faults:
        raise ConfigurationError(faults)
    return configuration.model_copy(update={"facilities": facilities})


def _line(node: Any, path: tuple[int | str, ...]) -> int:
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                return int(line)
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return int(line)
    return int(line)
