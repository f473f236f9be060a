"""Connector `phone_plan`: what the numbering plans (libphonenumber's data) say about a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType, carrier, geocoder, timezone

from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    observe,
)
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

_LINE_TYPES: Final[Mapping[int, str]] = MappingProxyType(
    {
        PhoneNumberType.FIXED_LINE: "fixed_line",
        PhoneNumberType.MOBILE: "mobile",
        PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
        PhoneNumberType.TOLL_FREE: "toll_free",
        PhoneNumberType.PREMIUM_RATE: "premium_rate",
        PhoneNumberType.SHARED_COST: "shared_cost",
        PhoneNumberType.VOIP: "voip",
        PhoneNumberType.PERSONAL_NUMBER: "personal_number",
        PhoneNumberType.PAGER: "pager",
        PhoneNumberType.UAN: "universal_access",
        PhoneNumberType.VOICEMAIL: "voicemail",
    }
)
_NOT_GEOGRAPHIC: Final = "001"
_UNKNOWN_ZONE: Final = "Etc/Unknown"
_SELF_TEST: Final = "+14155552671"


class PhonePlan(Connector):
    """Country, region, line type, the carrier that the number range was given to, time zone.

    A plan knows ranges, not subscribers: a ported number shows its first carrier.
    """

    spec = ConnectorSpec(
        id="phone_plan",
        name="Phone numbering plans",
        accepts=frozenset({IdentifierType.PHONE}),
        yields=(
            "phone.number",
            "phone.is_valid",
            "phone.type",
            "phone.country",
            "phone.region",
            "phone.carrier",
            "phone.time_zone",
        ),
        terms_url="https://github.com/google/libphonenumber/blob/master/LICENSE",
        licence="Apache-2.0",
        cost_class=CostClass.LOCAL,
        timeout_s=2.0,
        is_reference=True,
    )

    def __init__(self) -> None:
        # The carrier and region tables load at the first question; not inside a lookup.
        _describe(_SELF_TEST)

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """The plan's statements about an E.164 number; never empty."""
        return observe(
            f"number:{identifier.value}",
            _describe(identifier.value),
            source_url=f"https://github.com/daviddrysdale/python-phonenumbers/tree/v{phonenumbers.__version__}",
            observed_at=context.clock(),
        )

    async def check_health(self, context: AskContext) -> Condition:
        """Whether the tables answer for a number that they must know."""
        if ("phone.country", "US") in _describe(_SELF_TEST):
            return Condition(HealthStatus.REACHABLE)
        return Condition(HealthStatus.DEGRADED, "the numbering tables lack a well-known number")


def _describe(number_text: str) -> list[tuple[str, str]]:
    number = phonenumbers.parse(number_text, None)
    valid = phonenumbers.is_valid_number(number)
    statements = [
        ("phone.number", number_text),
        ("phone.is_valid", "true" if valid else "false"),
        ("phone.type", _LINE_TYPES.get(phonenumbers.number_type(number), "")),
        ("phone.carrier", carrier.name_for_number(number, "en")),
    ]
    country = phonenumbers.region_code_for_number(number) or ""
    if country != _NOT_GEOGRAPHIC:
        statements.append(("phone.country", country))
    region = geocoder.description_for_number(number, "en")
    if valid and region:
        statements.append(("phone.region", region))
    zones = timezone.time_zones_for_number(number)
    if len(zones) == 1 and zones[0] != _UNKNOWN_ZONE:
        statements.append(("phone.time_zone", zones[0]))
    return [(predicate, value) for predicate, value in statements if value]
