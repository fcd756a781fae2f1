# Sourced by bin/*: finds a Python that can run HQ and hands over to _bootstrap.py, which does the rest.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1

usable() { # it starts (a version manager's stand-in may not, nor one in another person's home) and is new enough
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11, 2))' >/dev/null 2>&1
}

bootstrap() {
  for candidate in ${HQ_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    if usable "$candidate"; then
      exec "$candidate" "$root/bin/_bootstrap.py" "$@"
    fi
  done
  echo "HQ needs Python 3.11.2 or newer${HQ_PYTHON:+, and HQ_PYTHON=$HQ_PYTHON is not one that runs here}. Install it, or name one in HQ_PYTHON." >&2
  exit 1
}
