"""How much a pair of records looks like one person or organisation, in bits, with the reasons.

Weights in the manner of Fellegi and Sunter (1969): each agreement adds the logarithm (base 2) of
how much more often it occurs among records of one holder than among others. Set by hand, as data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tracewell.resolution.model import Kind, Reason
from tracewell.resolution.names import NameAgreement, compare_names
from tracewell.resolution.records import Record, is_role_account
from tracewell.resolution.vocabulary import PREDICATES, Link

PRIOR_BITS: Final = -6.0
MATCH_BITS: Final = 3.0  # a probability of 0.89
POSSIBLE_BITS: Final = -0.5  # a probability of 0.41

LINK_BITS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "person.registry_id": 18.0,
        "organization.registry_id": 18.0,
        "social.account": 9.0,
        "email.address": 9.0,
        "phone.number": 8.0,
        "domain.name": 8.0,
        "username.handle": 3.0,
        "address.full": 2.5,
        "company.name": 1.5,
    }
)
SHARED_BITS: Final = 0.0
SHARED_SAME_NAME_BITS: Final = 5.0
FURTHER_LINK_FACTOR: Final = 0.5
NAME_BITS: Final[Mapping[NameAgreement, float]] = MappingProxyType(
    {
        NameAgreement.EXACT: 4.0,
        NameAgreement.SIMILAR: 2.5,
        NameAgreement.PARTIAL: 0.5,
        NameAgreement.INCOMPARABLE: 0.0,
        NameAgreement.DIFFERENT: -8.0,
    }
)
BIRTH_BITS: Final[Mapping[int, float]] = MappingProxyType({4: 1.0, 7: 2.5, 10: 5.0})
GENDER_DIFFERS_BITS: Final = -6.0


@dataclass(frozen=True, slots=True)
class PairScore:
    """The evidence for one pair. `forbidden` says why the two may never be one entity."""

    bits: float
    reasons: tuple[Reason, ...]
    forbidden: str | None = None

    @property
    def probability(self) -> float:
        """The bits as a probability, 0..1."""
        return 1.0 / (1.0 + math.exp2(min(60.0, -self.bits)))


def agree_on_names(first: Record, second: Record) -> NameAgreement | None:
    """The best agreement between the names of two records; None when one of them has no name."""
    kind = first.kind if first.kind is not Kind.UNKNOWN else second.kind
    return max(
        (compare_names(a, b, kind) for a in first.name_texts for b in second.name_texts),
        default=None,
    )


def find_conflict(first: Record, second: Record) -> str | None:
    """Why two records can never be about the same holder, or None."""
    if Kind.UNKNOWN not in (first.kind, second.kind) and first.kind is not second.kind:
        return "one is a person, the other an organisation"
    generations = [{n.generation for n in record.names} - {""} for record in (first, second)]
    if all(generations) and not generations[0] & generations[1]:
        return "the names tell different generations"
    births = [record.get_all("person.dob") for record in (first, second)]
    if all(births) and not any(_same_birth(a, b) for a in births[0] for b in births[1]):
        return "the dates of birth differ"
    if _registries_differ(first, second):
        return "the registry numbers differ"
    same_registry_id = any(
        PREDICATES[predicate].link is Link.REGISTRY for predicate, _ in first.links & second.links
    )
    if agree_on_names(first, second) is NameAgreement.DIFFERENT and not same_registry_id:
        return "the names differ"
    return None


def score_pair(first: Record, second: Record, shared: frozenset[tuple[str, str]]) -> PairScore:
    """The score of a pair; symmetric. `shared` are links known to have several holders."""
    names = agree_on_names(first, second)
    same_name = names is not None and names >= NameAgreement.SIMILAR
    reasons = [Reason("two records picked by chance", PRIOR_BITS)]
    reasons += _link_reasons(first, second, shared, same_name=same_name)
    if names is not None:
        reasons.append(Reason(f"names: {names.name.lower()}", NAME_BITS[names]))
    reasons += _birth_reasons(first, second)
    genders = [record.get_all("person.gender") for record in (first, second)]
    if all(genders) and not set(genders[0]) & set(genders[1]):
        reasons.append(Reason("different gender", GENDER_DIFFERS_BITS))
    bits = round(sum(reason.effect for reason in reasons), 6)
    return PairScore(bits, tuple(reasons), find_conflict(first, second))


def is_group_mailbox(link: tuple[str, str]) -> bool:
    """Whether a link is a mailbox that several people read (info@, sales@)."""
    predicate, value = link
    return predicate == "email.address" and is_role_account(value)


def _link_reasons(
    first: Record, second: Record, shared: frozenset[tuple[str, str]], *, same_name: bool
) -> list[Reason]:
    people = Kind.PERSON in (first.kind, second.kind)
    found = []
    for link in first.links & second.links:
        words = PREDICATES[link[0]].words
        if link in shared or (people and is_group_mailbox(link)):
            bits = SHARED_SAME_NAME_BITS if same_name else SHARED_BITS
            bits = min(bits, LINK_BITS[link[0]])
            found.append(Reason(f"same {words}, which several holders share", bits))
        elif people and link[0] == "domain.name":
            found.append(Reason("same domain", 1.0))
        else:
            found.append(Reason(f"same {words}", LINK_BITS[link[0]]))
    found.sort(key=lambda reason: (-reason.effect, reason.evidence))
    # Links are not independent of each other: who copies one from a form copies the next as well.
    return [
        Reason(reason.evidence, reason.effect * (1.0 if place == 0 else FURTHER_LINK_FACTOR))
        for place, reason in enumerate(found)
    ]


def _birth_reasons(first: Record, second: Record) -> list[Reason]:
    precisions = [
        min(len(a), len(b))
        for a in first.get_all("person.dob")
        for b in second.get_all("person.dob")
        if _same_birth(a, b)
    ]
    if not precisions:
        return []
    return [Reason("same date of birth", BIRTH_BITS.get(max(precisions), 0.0))]


def _same_birth(first: str, second: str) -> bool:
    precision = min(len(first), len(second))
    return first[:precision] == second[:precision]


def _registries_differ(first: Record, second: Record) -> bool:
    """Whether one registry (`lei:`, `us-ssn:`) gave the two records different numbers."""
    for predicate in ("person.registry_id", "organization.registry_id"):
        ours, theirs = (
            {
                scheme: number
                for scheme, _, number in (v.partition(":") for v in r.get_all(predicate))
            }
            for r in (first, second)
        )
        if any(ours[scheme] != theirs[scheme] for scheme in ours.keys() & theirs.keys()):
            return True
    return False
