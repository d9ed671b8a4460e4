"""Which pictures there are: each dashboard in the fault that it is for."""

from tools.preview.__main__ import Picture

VIEWS = (
    Picture("overview", "country", "rtc-overview", 0.5, 2.7, open=True),
)  # fmt: skip
