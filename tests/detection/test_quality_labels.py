"""Our pack on examples that others have labelled: server banners, cookies, script addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.quality import banners, libraries
from benchmarks.quality.corpus import load_judgements

from tracewell.detection import FingerprintSet


def test_banners_name_product_and_version(pack: FingerprintSet, shared_data: Path) -> None:
    shares = banners.measure(pack)
    assert [share.title for share in shares if share.value < share.target] == []
    assert sum(share.total for share in shares) >= 600


def test_every_product_of_the_labels_is_judged(shared_data: Path) -> None:
    judged = load_judgements("banners.json")
    for banner in banners.iter_banners():
        groups = judged[banner.file]
        holding = [name for name in groups if banner.product in groups[name]]
        assert len(holding) == 1, banner.product


def test_every_covered_product_has_an_entry_in_the_pack(pack: FingerprintSet) -> None:
    judged = load_judgements("banners.json")
    names = {name for groups in judged.values() for name in groups["covered"].values()}
    names |= set(load_judgements("libraries.json")["libraries"].values())
    assert names - set(pack.technologies) == set()


def test_versions_are_read_from_script_addresses(pack: FingerprintSet, shared_data: Path) -> None:
    versions, _ = libraries.measure(pack)
    assert versions.value >= versions.target, versions.misses
    assert versions.total >= 800


@pytest.mark.parametrize(
    "plugin", load_judgements("libraries.json")["plugins"], ids=lambda plugin: plugin["address"]
)
def test_the_version_of_a_plugin_is_not_taken_for_the_librarys(
    plugin: dict[str, str], pack: FingerprintSet
) -> None:
    assert not libraries.version_of(plugin["address"], plugin["library"], pack)


def test_a_plugins_own_version_is_told(pack: FingerprintSet) -> None:
    address = "https://www.site.example/js/jquery.cookie-1.4.1.min.js"
    assert libraries.version_of(address, "jQuery Cookie", pack) == "1.4.1"
