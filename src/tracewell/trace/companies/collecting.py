"""The properties of many companies, value by value: what `properties_of` says of each. Pure."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from pyroaring import BitMap

from tracewell.kernel.clock import DAY_MS, format_utc
from tracewell.trace.companies.model import Company
from tracewell.trace.companies.properties import ALL, TIERS, short_grams, version_property
from tracewell.trace.companies.rows import CompanyRow
from tracewell.trace.index.bitmaps import Property
from tracewell.trace.technologies.model import Technology


class PropertyCollector:
    """Takes companies in, tells their properties.

    What thousands of uses share (a technology's categories and maker, the tiers below a confidence)
    is spelt out once a technology, not once a use.
    """

    def __init__(self) -> None:
        self._told: dict[Property, list[int]] = defaultdict(list)
        self._grams: dict[str, list[int]] = defaultdict(list)
        self._active: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._dropped: dict[int, list[int]] = defaultdict(list)
        self._versions: dict[tuple[int, str], list[int]] = defaultdict(list)
        self._months: dict[tuple[str, int, str], list[int]] = defaultdict(list)
        self._technologies: dict[int, Technology] = {}

    def add(self, company: Company, row: CompanyRow) -> None:
        """A company that was not added yet; `row` is its own."""
        company_id = company.company_id
        self._told[ALL].append(company_id)
        for facet, value in (
            ("top_level_domain", row.primary_domain.rpartition(".")[2]),
            ("country", row.country),
            ("industry", row.industry),
            ("employee_range", row.employee_range),
        ):
            if value is not None:
                self._told[Property(facet, value)].append(company_id)
        for gram in short_grams(row.search_text):
            self._grams[gram].append(company_id)
        for use in company.uses:
            number = use.technology.technology_id
            self._technologies[number] = use.technology
            adopted = ("adopted", number, _month(use.first_observed_at // DAY_MS))
            self._months[adopted].append(company_id)
            if use.status == "active":
                self._active[number, _tier(use.confidence)].append(company_id)
                if use.version is not None:
                    self._versions[number, use.version].append(company_id)
                continue
            self._dropped[number].append(company_id)
            if use.dropped_at is not None:
                dropped = ("dropped", number, _month(use.dropped_at // DAY_MS))
                self._months[dropped].append(company_id)

    def properties(self) -> dict[Property, BitMap]:
        """The companies of every property that one has."""
        found = {of: BitMap(ids) for of, ids in self._told.items()}
        found |= {Property("gram", gram): BitMap(ids) for gram, ids in self._grams.items()}
        found |= {version_property(*of): BitMap(ids) for of, ids in self._versions.items()}
        for number, ids in self._dropped.items():
            found[Property("technology_dropped", str(number))] = BitMap(ids)
        for (event, number, month), ids in self._months.items():
            found[Property(event, f"{number}:{month}")] = BitMap(ids)
        for (number, highest), ids in self._active.items():
            self._add_active(found, self._technologies[number], highest, BitMap(ids))
        return found

    @staticmethod
    def _add_active(
        found: dict[Property, BitMap], technology: Technology, highest: int, companies: BitMap
    ) -> None:
        for tier in TIERS:
            if tier > highest:
                continue
            names = [Property(f"technology_{tier}", str(technology.technology_id))]
            names += [Property(f"category_{tier}", name) for name in technology.categories]
            if technology.vendor is not None:
                names.append(Property(f"vendor_{tier}", technology.vendor))
            for name in names:
                known = found.get(name)
                found[name] = companies if known is None else known | companies


def _tier(confidence: int) -> int:
    return max(tier for tier in TIERS if confidence >= tier)


@lru_cache(maxsize=4_096)
def _month(day: int) -> str:
    return format_utc(day * DAY_MS)[:7]
