"""How HQ writes sizes, counts and names."""

from __future__ import annotations

from pathlib import PurePosixPath

UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")

KINDS = {
    "file-archive": {"zip", "tar", "gz", "zst", "xz", "bz2", "7z", "rar", "tgz"},
    "file-braces": {"json", "jsonl", "ndjson", "yaml", "yml", "toml"},
    "file-code": {"py", "js", "ts", "html", "css", "sh", "sql", "go", "rs", "java", "c", "h", "xml"},
    "file-spreadsheet": {"csv", "tsv", "xlsx", "xls", "ods", "parquet"},
    "file-text": {"md", "txt", "pdf", "doc", "docx", "odt", "rtf", "log"},
    "image": {"png", "jpg", "jpeg", "gif", "webp", "svg", "tif", "tiff", "heic"},
    "key-round": {"pem", "crt", "cer", "asc"},
}
ICON_OF = {extension: icon for icon, extensions in KINDS.items() for extension in extensions}


def size(value: object) -> str:
    """Bytes in decimal units, three figures at most: 46 KB, 18.4 MB, 2.31 GB. Empty for no number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return ""
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    if unit == 0:
        return "1 byte" if amount == 1 else f"{amount:.0f} bytes"
    return f"{_figures(amount, unit)} {UNITS[unit]}"


def _figures(amount: float, unit: int) -> str:
    """KB whole, MB one place, above that three figures; no trailing zeros."""
    places = {1: 0, 2: 1}.get(unit, 2)
    if amount >= 99.95:
        places = 0
    elif amount >= 9.995:
        places = min(places, 1)
    text = f"{amount:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: object) -> str:
    """184229 as 184,229; anything that is not a whole number unchanged."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def middle(value: object, length: int = 40) -> str:
    """A name cut in its middle, so that its beginning and its extension stay readable."""
    text = str(value)
    if len(text) <= length:
        return text
    tail = max(len(PurePosixPath(text).suffix), length // 3)
    if tail > length - 4:
        tail = length // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


def file_icon(name: object) -> str:
    """The sprite's icon for a file name; a path that ends in a slash is a folder."""
    text = str(name)
    if text.endswith("/"):
        return "folder"
    return ICON_OF.get(text.rpartition(".")[2].lower(), "file")


def times(count: int) -> str:
    """once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


# The most special first: most of them claim to be Chrome or Safari too.
BROWSERS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser(agent: object) -> str:
    """Firefox 140 on macOS, as far as the browser tells; anything else is shown as it came, cut in its middle."""
    text = str(agent or "")
    known = next(((mark, name) for mark, name in BROWSERS if mark in text), None)
    if not known:
        return middle(text, 60) or "Unknown"
    version = text.split(known[0], 1)[1].split(".", 1)[0].split(" ", 1)[0]
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    return f"{known[1]} {version}" + (f" on {system}" if system else "")


def device(agent: object) -> str:
    """As `browser`, where a person looks for a device of theirs: what is no browser that we know tells them nothing."""
    return browser(agent) if any(mark in str(agent or "") for mark, _ in BROWSERS) else "Unknown device"
