"""The wire models of a lookup's answers, for the documentation alone: stored bytes are sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tracewell.intrace.audit.routes import AuditRecordModel

Confidence = Annotated[float, Field(ge=0, le=1)]
Scalar = str | bool | int | float
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ReasonModel(BaseModel):
    """One piece of evidence; the effects of a confidence add up to it."""

    evidence: str
    effect: float


class ItemModel(BaseModel):
    """What every data point has. Further members are what the sources tell of it besides."""

    model_config = ConfigDict(extra="allow")

    confidence: Confidence
    sources: list[str] = Field(description="The `source_id` of each source that states it.")
    explanation: list[ReasonModel]


class NamedModel(ItemModel):
    """A name: of a person, an organisation, a company, an associate, a technology."""

    name: str


class StatedModel(ItemModel):
    """A single-valued field; contradicting statements stand beside the best supported one."""

    value: Scalar


class SingleModel(StatedModel):
    """The best supported value."""

    alternatives: list[StatedModel]


class RegistryIdModel(ItemModel):
    """A number in a register."""

    registry: str | None
    id: str


class PhoneModel(ItemModel):
    """A phone number in E.164 and what is told of it."""

    number: str
    type: str | None
    carrier: str | None
    country: str | None
    is_connected: bool | str | None
    first_reported_date: str | None
    last_reported_date: str | None


class AddressedModel(ItemModel):
    """An e-mail address or a postal address."""

    address: str


class UsernameModel(ItemModel):
    """A handle on no known platform."""

    username: str


class SocialProfileModel(ItemModel):
    """A profile page."""

    platform: str
    username: str
    bio: str | None
    url: str | None


class DomainModel(ItemModel):
    """A domain in ASCII form."""

    domain: str


class IpAddressModel(ItemModel):
    """An IP address."""

    ip_address: str


class UrlModel(ItemModel):
    """A web address."""

    url: str


class PersonModel(BaseModel):
    """A natural person."""

    names: list[NamedModel]
    age: SingleModel | None
    dob: SingleModel | None
    gender: SingleModel | None
    registry_ids: list[RegistryIdModel]


class OrganizationModel(BaseModel):
    """An organisation."""

    names: list[NamedModel]
    legal_name: SingleModel | None
    registry_ids: list[RegistryIdModel]
    status: SingleModel | None
    industry: SingleModel | None
    country: SingleModel | None
    description: SingleModel | None
    employee_range: SingleModel | None
    founded_year: SingleModel | None


class WatchlistHitModel(ItemModel):
    """An entry of a watchlist: its id there, the list, the listed name and how near it is."""

    entry: str
    list: str | None
    name: str | None
    score: float | None
    topic: str | None


class ProfileModel(BaseModel):
    """What the sources say of one entity, contradictions included."""

    person: PersonModel | None
    organization: OrganizationModel | None
    phones: list[PhoneModel]
    emails: list[AddressedModel]
    addresses: list[AddressedModel]
    usernames: list[UsernameModel]
    domains: list[DomainModel]
    ip_addresses: list[IpAddressModel]
    urls: list[UrlModel]
    companies: list[NamedModel]
    associates: list[NamedModel]
    technologies: list[NamedModel]
    social_profiles: list[SocialProfileModel]
    watchlist_hits: list[WatchlistHitModel]


class PossibleMatchModel(BaseModel):
    """Another entity of the result that may be the same one."""

    entity_id: str
    probability: Confidence
    explanation: list[ReasonModel]


class EntityModel(BaseModel):
    """A person or an organisation that the sources know."""

    entity_id: str
    kind: Literal["person", "organization", "unknown"]
    confidence: Confidence
    explanation: list[ReasonModel]
    profile: ProfileModel
    possibly_same_as: list[PossibleMatchModel]


class FactModel(BaseModel):
    """What reference data tell of an identifier, whoever holds it."""

    name: str
    value: Scalar
    confidence: Confidence
    sources: list[str]


class IdentifierModel(BaseModel):
    """An identifier that was asked about."""

    type: str
    submitted: str | None = Field(description="As the caller sent it; null where it was found.")
    normalized: str
    round: int = Field(ge=0, description="0: the caller's; else the round of a deep lookup.")
    details: dict[str, str]
    facts: list[FactModel]


class SourceModel(BaseModel):
    """One source record that was read."""

    source_id: str
    connector_id: str
    retrieved_at: Moment
    url: str
    record_hash: str
    licence: str


class CoverageModel(BaseModel):
    """What became of one connector."""

    connector_id: str
    status: Literal[
        "answered",
        "empty",
        "partial",
        "rate_limited",
        "timed_out",
        "failed",
        "skipped",
        "not_configured",
    ]
    latency_ms: int = Field(ge=0)
    reason: str


class OutcomeModel(BaseModel):
    """How far the lookup found whom it was about."""

    status: Literal["resolved", "ambiguous", "no_match"]
    confidence: Confidence
    entity_count: int = Field(ge=0)


class ResolutionModel(OutcomeModel):
    """With the evidence."""

    explanation: list[ReasonModel]


class ReportModel(BaseModel):
    """The signed report: without this member, in canonical JSON, the answer is its payload."""

    hash: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    signed_at: Moment
    key_id: str


class LookupModel(BaseModel):
    """The result of a lookup, in canonical JSON (RFC 8785): the same bytes at every reading."""

    request_id: str
    queried_at: Moment
    resolution: ResolutionModel
    entities: list[EntityModel]
    identifiers: list[IdentifierModel]
    sources: list[SourceModel]
    coverage: list[CoverageModel]
    coverage_note: str
    audit: AuditRecordModel
    report: ReportModel


class LookupSummaryModel(BaseModel):
    """A lookup of one's own, without its data."""

    request_id: str
    queried_at: Moment
    expires_at: Moment
    depth: Literal["standard", "deep"]
    identifiers_queried: int = Field(ge=1)
    resolution: OutcomeModel


class LookupPageModel(BaseModel):
    """A page of one's own lookups, the newest first."""

    lookups: list[LookupSummaryModel]
    next_cursor: str | None
