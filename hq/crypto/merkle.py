"""Merkle trees of RFC 6962 (section 2) as pure functions: roots, inclusion and consistency proofs, ranges, tiles.

    leaf = SHA-256(00 | data)        node = SHA-256(01 | left | right)        root of nothing = SHA-256("")

A tree is read through `nodes(level, index)`: the hash of the complete subtree over leaves [index * 2^level,
(index + 1) * 2^level). Trees are kept as the tiles of C2SP tlog-tiles: tile (level, number) has up to 256 hashes, those
of the nodes at 8 * level from number * 256 on. Only the last tile of a level is not full, and only those ever change.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
EMPTY_ROOT: Final = sha256(b"").digest()

Nodes = Callable[[int, int], bytes]
# Level and number of a tile to its hashes in a row; b"" if there is none.
Tiles = Callable[[int, int], bytes]


class BadProof(Exception):
    """The proof does not show what it was given for."""


def leaf_hash(data: bytes) -> bytes:
    """Give the hash of an entry, 32 bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the hash over two subtrees, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def root(size: int, nodes: Nodes) -> bytes:
    """Give the hash of the tree over the first `size` leaves."""
    return _subtree(0, size, nodes) if size else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Give the hash of the tree over these leaf hashes, in constant memory."""
    peaks: list[bytes] = []
    for count, leaf in enumerate(leaves, 1):
        rest = count
        while rest & 1 == 0:  # two complete subtrees of one size become one
            leaf = node_hash(peaks.pop(), leaf)  # noqa: PLW2901 - it grows with the subtree that it ends
            rest >>= 1
        peaks.append(leaf)
    if not peaks:
        return EMPTY_ROOT
    found = peaks.pop()
    while peaks:
        found = node_hash(peaks.pop(), found)
    return found


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Give the hashes that lead from leaf `index` (from 0) to the root of the first `size` (RFC 6962 section 2.1.1).

    Raises:
        ValueError: there is no such leaf in a tree of this size.
    """
    if not 0 <= index < size:
        raise ValueError("There is no such leaf in a tree of this size.")
    path: list[bytes] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(_subtree(middle, last, nodes))
            last = middle
        else:
            path.append(_subtree(first, middle, nodes))
            first = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Give the hashes that show the tree of `old` leaves to be the beginning of that of `new` (section 2.1.2).

    Raises:
        ValueError: not 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ValueError("A tree is consistent with a larger one only, and not with nothing.")
    path: list[bytes] = []
    first, last, whole = 0, new, True  # whole: the old tree's root is this subtree's, which the verifier knows
    while last != old:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(_subtree(middle, last, nodes))
            last = middle
        else:
            path.append(_subtree(first, middle, nodes))
            first, whole = middle, False
    return path[::-1] if whole else [_subtree(first, last, nodes), *path[::-1]]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> None:
    """Return only if the leaf hash stands at `index` (from 0) in the tree with this root (RFC 9162 section 2.1.3.2).

    Raises:
        BadProof: it does not, or the proof is too long or too short.
    """
    if not 0 <= index < size:
        raise BadProof
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise BadProof
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last or found != expected:
        raise BadProof


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Return only if the old tree is the beginning of the new one (RFC 9162 section 2.1.4.2).

    Raises:
        BadProof: it is not, or the proof is too long or too short.
    """
    if not 0 < old <= new or (old == new and (path or old_root != new_root)):
        raise BadProof
    if old == new:
        return
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not steps:
        raise BadProof
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise BadProof
        if place & 1 or place == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, step)
        place, last = place >> 1, last >> 1
    if last or before != old_root or after != new_root:
        raise BadProof


def range_proof(first: int, last: int, size: int, nodes: Nodes) -> list[bytes]:
    """Give what leaves [first, last) lack to give the root: the largest subtrees beside them, from left to right.

    Raises:
        ValueError: not 0 <= first < last <= size.
    """
    if not 0 <= first < last <= size:
        raise ValueError("There is no such range in a tree of this size.")
    return [_subtree(begin, end, nodes) for begin, end in _beside(first, last, 0, size)]


def check_range(first: int, leaves: Sequence[bytes], size: int, beside: Sequence[bytes], expected: bytes) -> None:
    """Return only if these leaf hashes stand one after the other from `first` (from 0) on in the tree with this root.

    Raises:
        BadProof: they do not, or the proof is too long or too short.
    """
    last = first + len(leaves)
    if not 0 <= first < last <= size:
        raise BadProof
    given = iter(beside)
    try:
        found = _over(range(first, last), leaves, given, 0, size)
    except StopIteration:
        raise BadProof from None
    if found != expected or next(given, None) is not None:
        raise BadProof


def nodes_of(tiles: Tiles) -> Nodes:
    """Read complete subtrees from tiles. What the tiles do not hold raises LookupError."""

    def node(level: int, index: int) -> bytes:
        row, within = divmod(level, TILE_HEIGHT)
        number, offset = divmod(index << within, TILE_WIDTH)
        tile = tiles(row, number)
        found = tile[offset * HASH_BYTES : (offset + (1 << within)) * HASH_BYTES]
        if len(found) != HASH_BYTES << within:
            raise LookupError(f"The tiles do not hold node {index} of level {level}.")
        return _complete(found)

    return node


def extend(size: int, leaves: Sequence[bytes], tiles: Tiles) -> dict[tuple[int, int], bytes]:
    """Add leaf hashes to a tree of `size` leaves: every tile that is new or has grown, by level and number."""
    grown: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, list(leaves)
    while hashes:
        number, width = divmod(size, TILE_WIDTH)
        content = (tiles(level, number)[: width * HASH_BYTES] if width else b"") + b"".join(hashes)
        if len(content) != (width + len(hashes)) * HASH_BYTES:
            raise LookupError(f"The tiles do not hold the {size} hashes of level {level}.")
        full: list[bytes] = []
        for start in range(0, len(content), TILE_WIDTH * HASH_BYTES):
            piece = content[start : start + TILE_WIDTH * HASH_BYTES]
            grown[level, number] = piece
            number += 1
            if len(piece) == TILE_WIDTH * HASH_BYTES:
                full.append(_complete(piece))
        level, size, hashes = level + 1, size >> TILE_HEIGHT, full
    return grown


def _split(width: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(first: int, last: int, nodes: Nodes) -> bytes:
    """The hash over leaves [first, last); `first` is a multiple of a power of two that is no smaller than the width."""
    width = last - first
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes(level, first >> level)
    middle = first + _split(width)
    return node_hash(_subtree(first, middle, nodes), _subtree(middle, last, nodes))


def _complete(hashes: bytes) -> bytes:
    """The root over a power of two of hashes that stand one after the other."""
    while len(hashes) > HASH_BYTES:
        pair = 2 * HASH_BYTES
        hashes = b"".join(sha256(b"\x01" + hashes[at : at + pair]).digest() for at in range(0, len(hashes), pair))
    return hashes


def _beside(first: int, last: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
    if end <= first or begin >= last:
        yield begin, end
    elif begin < first or end > last:
        middle = begin + _split(end - begin)
        yield from _beside(first, last, begin, middle)
        yield from _beside(first, last, middle, end)


def _over(wanted: range, leaves: Sequence[bytes], given: Iterator[bytes], begin: int, end: int) -> bytes:
    if end <= wanted.start or begin >= wanted.stop:
        return next(given)
    if begin >= wanted.start and end <= wanted.stop:
        return root_of(leaves[begin - wanted.start : end - wanted.start])
    middle = begin + _split(end - begin)
    left = _over(wanted, leaves, given, begin, middle)
    return node_hash(left, _over(wanted, leaves, given, middle, end))
