"""``python -m rtc_exporter``."""

import sys

from rtc_exporter.cli import main

sys.exit(main())
