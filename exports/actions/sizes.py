"""How large things are in an export."""

GIB = 1024**3
VOLUME_BYTES = GIB  # of a volume before it is encrypted
VOLUME_MEMBERS = 10_000
# What a volume's own list and the end of the archive may take: a name of 1,024 bytes and what is said of it, each.
RESERVED_BYTES = 32 * 1024 * 1024


def body_bytes() -> int:
    """How much of a volume is for members and their headers."""
    return max(VOLUME_BYTES - RESERVED_BYTES, VOLUME_BYTES // 2)


def part_bytes() -> int:
    """What one member may have, so that it fits into a volume of its own with its headers."""
    return max(body_bytes() - 64 * 1024, body_bytes() // 2)
