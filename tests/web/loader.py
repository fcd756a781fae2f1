"""Asks as fast as it can: `python -m tests.web.loader URL BEARER TIMES THREADS`, then one line of JSON on what came."""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import local
from urllib.parse import urlsplit


def main(url: str, bearer: str, times: int, threads: int) -> None:
    parts, mine = urlsplit(url), local()

    def ask(_: int) -> tuple[int, bool]:
        if not hasattr(mine, "link"):
            mine.link = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        mine.link.request("GET", parts.path, headers={"Authorization": f"Bearer {bearer}"})
        answer = mine.link.getresponse()
        answer.read()
        return answer.status, answer.headers.get("Retry-After", "").isdigit()

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(ask, range(times)))
    statuses = Counter(status for status, _ in answers)
    waits = sum(told for status, told in answers if status == 429)
    print(json.dumps({"statuses": statuses, "told_to_wait": waits}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
