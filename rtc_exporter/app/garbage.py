"""
The collector of garbage, in a process that counts.
"""

import gc

from rtc_exporter import useragent

#: Thresholds.  Reports make and drop thousands of objects without a cycle; with Python's own thresholds (700, 10, 10)
#: looking at those took about a fifth of a profile with 4,000 clients that had just come.
COLLECT = (50_000, 20, 50)


def collect_less() -> None:
    """Once, when everything is there and nobody has come yet."""
    useragent.parse("Mozilla/5.0")  # reads its tables now, and not when the first client comes
    gc.collect()
    gc.set_threshold(*COLLECT)
    gc.freeze()  # what is there now stays: the collector need not look at it again
