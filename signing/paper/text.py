"""Documents that were written in HQ: Markdown, read into a tree that pages and PDFs are drawn from (CommonMark).

Whoever is to fill something in is named by a marker: `[[signature:1]]`, `[[date:2 Start date]]`, `[[text:1 Company?]]`.
The kind, the signer's position, a label; with a question mark it may stay empty. HTML is text like any other.

A block is {"t": "h" | "p" | "ul" | "ol" | "quote" | "code" | "hr" | "table", …}, an inline {"t": "text" | "em" |
"strong" | "code" | "link" | "br" | "mark", …}; `read_text` is where each is made.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from unicodedata import bidirectional

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from hq.lib.errors import Invalid

KINDS: Final = ("signature", "initials", "name", "date", "text", "checkbox")
CHARACTERS_MOST, MARKERS_MOST, LEVELS_MOST = 200_000, 500, 20
PIECES_MOST: Final = 20_000  # a book of 200,000 characters has 3,000; each costs a page being drawn
Block = dict[str, Any]

# Beyond maxNesting it leaves words out without a word, so a text ends long before.
_markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 40}).enable(["table"]).disable(["image"])
_MARKER = re.compile(r"\[\[\s*(\w+)\s*:\s*(\d{1,3})(?:\s+([^\[\]]{1,120}?))?\s*(\?)?\s*\]\]")
_ANY_MARKER = re.compile(r"\[\[[^\n]{0,60}")
# Control characters, and those that turn the order in which letters stand: what is read must be what is written.
_UNSEEN = re.compile(
    "[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)
_LINKED = ("http://", "https://", "mailto:")


class BadText(Invalid):
    """Something in this text cannot be part of an agreement; the line is named."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A place to fill in: its number in reading order, its kind, whose it is, and whether it may stay empty."""

    number: int
    kind: str
    signer: int
    label: str
    required: bool
    line: int = field(default=0, compare=False)  # of the Markdown, from 1


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was read. `title` is its first heading, or nothing; the direction is that of its first letter."""

    blocks: list[Block]
    markers: tuple[Marker, ...]
    title: str
    from_right: bool = False


def read_text(markdown: str) -> Written:
    """Read Markdown. Raises BadText, which names the line."""
    if not markdown.strip():
        raise _bad("There is no text yet.")
    if len(markdown) > CHARACTERS_MOST:
        raise _bad(f"A text has at most {CHARACTERS_MOST} characters. Upload a PDF instead.")
    markdown = markdown.removeprefix("\ufeff")  # as some editors begin a file
    for number, line in enumerate(markdown.split("\n"), 1):
        if _UNSEEN.search(line):
            raise _bad(f"Line {number} holds a control character.")
    tokens = _markdown.parse(markdown)
    if sum(1 + len(token.children or ()) for token in tokens) > PIECES_MOST:
        raise _bad(f"A text has at most {PIECES_MOST} paragraphs, lines and marked words. Upload a PDF instead.")
    reader = _Reader(tokens)
    blocks = reader.blocks()
    if len(reader.markers) > MARKERS_MOST:
        raise _bad(f"A text has at most {MARKERS_MOST} markers.")
    headings = [_plain(block["c"]) for block in blocks if block["t"] == "h"]
    return Written(
        blocks=blocks,
        markers=tuple(reader.markers),
        title=headings[0] if headings else "",
        from_right=_begins_right(markdown),
    )


def _begins_right(words: str) -> bool:
    """Whether the first letter that has a direction is Arabic, Hebrew or their like (UAX 9, rules P2 and P3)."""
    found = (bidirectional(letter) for letter in words)
    return next((kind in {"R", "AL"} for kind in found if kind in {"L", "R", "AL"}), False)


class _Reader:
    """Goes through markdown-it's flat list of tokens once."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens, self.at, self.line, self.deepest = tokens, 0, 1, 0
        self.markers: list[Marker] = []

    def blocks(self, until: str = "") -> list[Block]:
        found: list[Block] = []
        while self.at < len(self.tokens):
            token = self._next()
            if token.type == until:
                break
            found.append(self._block(token))
        return found

    def _next(self) -> Token:
        token = self.tokens[self.at]
        self.at += 1
        if token.map:
            self.line = token.map[0] + 1
        if token.level > LEVELS_MOST:
            raise _bad(f"Line {self.line} stands in too many lists or quotes.")
        return token

    def _block(self, token: Token) -> Block:
        made: dict[str, Callable[[Token], Block]] = {
            "heading_open": self._heading,
            "paragraph_open": lambda _: {"t": "p", "c": self._inline_until("paragraph_close")},
            "bullet_list_open": lambda _: {"t": "ul", "items": self._items("bullet_list_close")},
            "ordered_list_open": self._numbered,
            "blockquote_open": lambda _: {"t": "quote", "c": self.blocks("blockquote_close")},
            "fence": _code,
            "code_block": _code,
            "hr": lambda _: {"t": "hr"},
            "table_open": lambda _: self._table(),
        }
        if token.type not in made:
            raise _bad(f"Line {self.line} holds something that an agreement cannot have ({token.type}).")
        return made[token.type](token)

    def _heading(self, token: Token) -> Block:
        """Levels begin at the first and skip none on the way down: a program that reads aloud counts on it."""
        spans = self._inline_until("heading_close")
        if not _plain(spans):
            return {"t": "p", "c": spans}
        self.deepest = min(int(token.tag[1]), self.deepest + 1)
        return {"t": "h", "level": self.deepest, "c": spans}

    def _numbered(self, token: Token) -> Block:
        return {"t": "ol", "start": int(token.attrs.get("start", 1)), "items": self._items("ordered_list_close")}

    def _items(self, until: str) -> list[list[Block]]:
        items = []
        while self._next().type != until:
            items.append(self.blocks("list_item_close"))
        return items

    def _table(self) -> Block:
        rows: list[list[list[Block]]] = []
        while (token := self._next()).type != "table_close":
            if token.type == "tr_open":
                rows.append([])
            elif token.type in {"th_open", "td_open"}:
                rows[-1].append(self._inline_until(token.type.replace("open", "close")))
        return {"t": "table", "head": rows[0], "rows": rows[1:]}

    def _inline_until(self, until: str) -> list[Block]:
        found: list[Block] = []
        while (token := self._next()).type != until:
            found += self._spans(iter(token.children or ()), "")
        return found

    def _spans(self, tokens: Iterator[Token], until: str) -> list[Block]:
        found: list[Block] = []
        for token in tokens:
            if token.type == until:
                break
            found += self._span(token, tokens)
        return found

    def _span(self, token: Token, tokens: Iterator[Token]) -> list[Block]:
        if token.type == "text":
            return self._text(token.content)
        if token.type == "code_inline":
            return [{"t": "code", "s": token.content}]
        if token.type in {"softbreak", "hardbreak"}:
            self.line += 1
        if token.type == "softbreak":
            return [{"t": "text", "s": " "}]
        if token.type == "hardbreak":
            return [{"t": "br"}]
        if token.type == "link_open":
            href, inside = str(token.attrs.get("href", "")), self._spans(tokens, "link_close")
            return [{"t": "link", "href": href, "c": inside}] if href.lower().startswith(_LINKED) else inside
        if token.type in {"em_open", "strong_open"}:
            name = token.type.removesuffix("_open")
            return [{"t": name, "c": self._spans(tokens, f"{name}_close")}]
        raise _bad(f"Line {self.line} holds something that an agreement cannot have ({token.type}).")

    def _text(self, text: str) -> list[Block]:
        found, end = [], 0
        for match in _MARKER.finditer(text):
            found += self._plain(text[end : match.start()])
            found.append({"t": "mark", "number": self._marker(match)})
            end = match.end()
        return found + self._plain(text[end:])

    def _plain(self, text: str) -> list[Block]:
        if begun := _ANY_MARKER.search(text):
            raise _bad(f"Line {self.line}: “{begun.group()}” is no whole marker. Write it as [[signature:1]].")
        return [{"t": "text", "s": text}] if text else []

    def _marker(self, match: re.Match[str]) -> int:
        kind, signer, label, optional = match.groups()
        if kind not in KINDS:
            raise _bad(f"Line {self.line}: {kind!r} is no kind of field. There are {', '.join(KINDS)}.")
        if int(signer) < 1:
            raise _bad(f"Line {self.line}: signers are counted from 1.")
        number = len(self.markers) + 1
        self.markers.append(Marker(number, kind, int(signer), (label or "").strip(), optional is None, self.line))
        return number


def _code(token: Token) -> Block:
    return {"t": "code", "s": token.content.rstrip("\n")}


def html_of(written: Written, inputs: Callable[[Marker], SafeString]) -> SafeString:
    """The text as HTML below one heading of the page; `inputs` draws each marker. Everything else is escaped."""
    by_number = {marker.number: marker for marker in written.markers}
    drawn = _blocks(written.blocks, lambda number: inputs(by_number[number]))
    return format_html('<div dir="rtl">{}</div>', drawn) if written.from_right else drawn


_Draw = Callable[[int], SafeString]


def _blocks(blocks: Sequence[Block], draw: _Draw) -> SafeString:
    return format_html_join("\n", "{}", ((_block(block, draw),) for block in blocks))


def _block(block: Block, draw: _Draw) -> SafeString:
    drawn = {
        "h": lambda: _heading(block, draw),
        "p": lambda: format_html("<p>{}</p>", _spans(block["c"], draw)),
        "ul": lambda: format_html("<ul>{}</ul>", _items(block["items"], draw)),
        "ol": lambda: format_html('<ol start="{}">{}</ol>', block["start"], _items(block["items"], draw)),
        "quote": lambda: format_html("<blockquote>{}</blockquote>", _blocks(block["c"], draw)),
        "code": lambda: format_html("<pre><code>{}</code></pre>", block["s"]),
        "table": lambda: _table(block, draw),
        "hr": lambda: mark_safe("<hr>"),
    }
    return drawn[block["t"]]()


def _heading(block: Block, draw: _Draw) -> SafeString:
    level = min(block["level"] + 1, 6)  # the page has its own h1
    return format_html("<h{}>{}</h{}>", level, _spans(block["c"], draw), level)


def _items(items: Sequence[Sequence[Block]], draw: _Draw) -> SafeString:
    return format_html_join("", "<li>{}</li>", ((_blocks(item, draw),) for item in items))


def _table(block: Block, draw: _Draw) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((_spans(cell, draw),) for cell in block["head"]))
    rows = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((_spans(cell, draw),) for cell in row)),) for row in block["rows"]),
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, rows)


def _spans(spans: Sequence[Block], draw: _Draw) -> SafeString:
    return format_html_join("", "{}", ((_span(span, draw),) for span in spans))


def _span(span: Block, draw: _Draw) -> SafeString:
    kind = span["t"]
    if kind == "text":
        return format_html("{}", span["s"])
    if kind == "code":
        return format_html("<code>{}</code>", span["s"])
    if kind in {"em", "strong"}:
        return format_html("<{}>{}</{}>", kind, _spans(span["c"], draw), kind)
    if kind == "link":
        return format_html('<a href="{}" rel="noopener nofollow">{}</a>', span["href"], _spans(span["c"], draw))
    if kind == "mark":
        return draw(span["number"])
    return mark_safe("<br>")


def _plain(spans: Sequence[Block]) -> str:
    return "".join(span.get("s", "") or _plain(span.get("c", ())) for span in spans).strip()


def _bad(words: str) -> BadText:
    return BadText(words, errors=[{"pointer": "/text", "detail": words}])
