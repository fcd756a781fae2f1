"""bin/run, once everything is installed: `manage.py run` without loading Django first, which takes a second."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hq.embedded.supervisor import main

HELP = """Starts HQ and everything it needs, and says when it answers. Ctrl-C stops it.

  HQ_DATA_DIR      where it keeps everything (.hq in the checkout)
  HQ_PORT          where it listens (8000), below 32768
  HQ_DATABASE_URL  a PostgreSQL of your own instead of the embedded one
  HQ_REDIS_URL     a Valkey or Redis of your own instead of the embedded one
  HQ_PYTHON        the Python to use, 3.11.2 or newer
  HQ_VENV          where the virtual environment is (.venv in the checkout)
"""

argparse.ArgumentParser("bin/run", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
sys.exit(main())
