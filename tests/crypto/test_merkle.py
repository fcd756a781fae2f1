"""Against the vectors that Certificate Transparency publishes with RFC 6962, and against another library."""

import pytest
from pymerkle import InmemoryTree
from pymerkle.proof import InclusionProof

from hq.crypto.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_WIDTH,
    BadProof,
    check_consistency,
    check_inclusion,
    check_range,
    consistency_proof,
    extend,
    inclusion_proof,
    leaf_hash,
    node_hash,
    nodes_of,
    range_proof,
    root,
    root_of,
)

# google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc; the same are in transparency-dev/merkle.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Index from 1, size, path.
INCLUSION = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
LEAVES = [leaf_hash(data) for data in INPUTS]
ENTRIES = [b"entry %d" % number for number in range(70)]
MANY = [leaf_hash(entry) for entry in ENTRIES]
OTHER = InmemoryTree.init_from_entries(ENTRIES)


def tree(leaves):
    """Nodes computed without tiles, from the definition alone."""

    def node(level, index):
        width = 1 << level
        row = leaves[index * width : (index + 1) * width]
        assert len(row) == width
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    return node


def tiled(leaves, step=97):
    """The same by tiles, as they grow in storage; only what is kept is read."""
    kept: dict[tuple[int, int], bytes] = {}
    read = lambda level, number: kept.get((level, number), b"")  # noqa: E731 - a table is what it is
    for start in range(0, len(leaves), step):
        kept.update(extend(start, leaves[start : start + step], read))
    return nodes_of(read), kept


def raw(path):
    return [bytes.fromhex(text) for text in path]


def damaged(path):
    """Every malformed form of a proof: shorter, longer, swapped, with a byte changed, with a hash cut."""
    for at in range(len(path)):
        yield path[:at] + path[at + 1 :]
        yield [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        yield [*path[:at], path[at][:-1], *path[at + 1 :]]
    yield [*path, bytes(HASH_BYTES)]
    yield [bytes(HASH_BYTES), *path]
    if len(path) > 1:
        yield [path[1], path[0], *path[2:]]
        yield [path[0] + path[1], *path[2:]]


@pytest.mark.parametrize("size", range(1, 9))
def test_it_has_the_published_roots(size):
    assert root_of(LEAVES[:size]).hex() == root(size, tree(LEAVES)).hex() == ROOTS[size - 1]


def test_it_has_the_published_root_of_nothing():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]) == root(0, tree([])) == EMPTY_ROOT


@pytest.mark.parametrize(("place", "size", "path"), INCLUSION)
def test_it_gives_and_takes_the_published_proofs_of_inclusion(place, size, path):
    assert inclusion_proof(place - 1, size, tree(LEAVES)) == raw(path)
    check_inclusion(LEAVES[place - 1], place - 1, size, raw(path), bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_it_gives_and_takes_the_published_proofs_of_consistency(old, new, path):
    assert consistency_proof(old, new, tree(LEAVES)) == raw(path)
    check_consistency(old, new, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]), raw(path))


def test_another_library_agrees_on_roots_and_inclusion():
    nodes = tree(MANY)
    for size in range(1, len(MANY) + 1):
        top = root_of(MANY[:size])
        assert OTHER.get_root(size) == top
        for index in range(0, size, 3):
            theirs, ours = OTHER.prove_inclusion(index + 1, size), inclusion_proof(index, size, nodes)
            assert theirs.path == [MANY[index], *ours]
            check_inclusion(MANY[index], index, size, theirs.path[1:], top)
            written = {"security": True, "size": size, "index": index + 1, "rule": theirs.rule}
            InclusionProof("sha256", **written, path=[MANY[index], *ours]).verify(MANY[index], top)


def subproof(m, first, last, *, whole):
    """SUBPROOF of RFC 6962 section 2.1.2, word for word, with the hashes of another library."""
    if m == last - first:
        return [] if whole else [OTHER._get_root(first, last)]
    k = 1
    while k * 2 < last - first:
        k *= 2
    if m <= k:
        return [*subproof(m, first, first + k, whole=whole), OTHER._get_root(first + k, last)]
    return [*subproof(m - k, first + k, last, whole=False), OTHER._get_root(first, first + k)]


def test_another_library_agrees_on_consistency():
    nodes = tree(MANY)
    for size in range(1, len(MANY) + 1):
        for old in range(1, size + 1, 3):
            before, after, path = root_of(MANY[:old]), root_of(MANY[:size]), consistency_proof(old, size, nodes)
            assert path == subproof(old, 0, size, whole=True)
            check_consistency(old, size, before, after, path)
            OTHER.prove_consistency(old, size).verify(before, after)


@pytest.mark.parametrize(("index", "size"), [(0, 2), (5, 8), (4, 5), (66, 70), (0, 70), (69, 70)])
def test_it_refuses_a_malformed_proof_of_inclusion(index, size):
    nodes, top = tree(MANY), root_of(MANY[:size])
    path = inclusion_proof(index, size, nodes)
    check_inclusion(MANY[index], index, size, path, top)
    wrong = [
        *((MANY[index], index, size, bad, top) for bad in damaged(path)),
        (MANY[index], index + 1, size, path, top),
        (MANY[index], index - 1, size, path, top),
        (MANY[index], index, size * 2, path, top),
        (MANY[index], size, size, path, top),
        (MANY[index ^ 1], index, size, path, top),
        (MANY[index], index, size, path, root_of(MANY[: size - 1])),
        (MANY[index], index, size, path, root_of([leaf_hash(b"other"), *MANY[1:size]])),
    ]
    for arguments in wrong:
        with pytest.raises(BadProof):
            check_inclusion(*arguments)


def test_it_refuses_a_node_for_a_leaf():
    nodes = tree(LEAVES)
    with pytest.raises(BadProof):
        check_inclusion(nodes(1, 0), 0, 4, [nodes(1, 1)], root_of(LEAVES[:4]))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (4, 8), (6, 8), (3, 7), (33, 70), (64, 70), (69, 70)])
def test_it_refuses_a_malformed_proof_of_consistency(old, new):
    nodes, before, after = tree(MANY), root_of(MANY[:old]), root_of(MANY[:new])
    path = consistency_proof(old, new, nodes)
    check_consistency(old, new, before, after, path)
    fork = root_of([leaf_hash(b"other"), *MANY[1:new]])
    wrong = [
        *((old, new, before, after, bad) for bad in damaged(path)),
        (old, new, after, before, path),
        (old, new, before, fork, path),
        (old, new, root_of([leaf_hash(b"other"), *MANY[1:old]]), after, path),
        (new, old, after, before, path),
        (0, new, before, after, path),
        (old + 1, new, before, after, path),
        (old, old, before, after, []),
        (old, new, before, after, []),
        (old, old, before, before, path),
    ]
    for arguments in wrong:
        with pytest.raises(BadProof):
            check_consistency(*arguments)


@pytest.mark.parametrize(("first", "last", "size"), [(0, 1, 1), (0, 8, 8), (3, 5, 8), (1, 2, 7), (10, 33, 70)])
def test_a_range_gives_the_root_and_no_malformed_one_does(first, last, size):
    nodes, top = tree(MANY), root_of(MANY[:size])
    beside, leaves = range_proof(first, last, size, nodes), MANY[first:last]
    check_range(first, leaves, size, beside, top)
    wrong = [
        *((first, leaves, size, bad, top) for bad in damaged(beside)),
        (first + 1, leaves, size, beside, top),
        (first, leaves[:-1], size, beside, top),
        (first, [*leaves, leaves[0]], size, beside, top),
        (first, [leaf_hash(b"other"), *leaves[1:]], size, beside, top),
        (first, leaves, size * 2, beside, top),
        (first, [], size, beside, top),
    ]
    for arguments in wrong:
        with pytest.raises(BadProof):
            check_range(*arguments)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000])
def test_tiles_hold_the_same_tree(size):
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    nodes, kept = tiled(leaves)
    assert root(size, nodes) == root_of(leaves)
    assert inclusion_proof(size // 2, size, nodes) == inclusion_proof(size // 2, size, tree(leaves))
    assert {number for level, number in kept if level == 0} == set(range(-(-size // TILE_WIDTH)))


def test_tiles_that_lack_a_hash_say_so():
    nodes, kept = tiled(MANY)
    kept[0, 0] = kept[0, 0][:-HASH_BYTES]
    with pytest.raises(LookupError):
        root(len(MANY), nodes)
    with pytest.raises(LookupError):
        extend(len(MANY), MANY, lambda level, number: kept.get((level, number), b""))


@pytest.mark.parametrize(("index", "size"), [(8, 8), (-1, 8), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index, size):
    with pytest.raises(ValueError):
        inclusion_proof(index, size, tree(LEAVES))


@pytest.mark.parametrize(("old", "new"), [(0, 8), (5, 4)])
def test_nothing_is_consistent_with_a_smaller_tree(old, new):
    with pytest.raises(ValueError):
        consistency_proof(old, new, tree(LEAVES))
