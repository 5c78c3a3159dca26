"""The index of the book's search: a script, because a page that is opened from a folder may not fetch."""

import json
from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3")
#: What is not read: drawings, state and styles, and what a reader should not come upon by a search.
DEAF = ("script", "style", "svg", "noscript", "figure", "details", "button")
SPACED = (*HEADINGS, "p", "li", "td", "th", "pre", "summary", "div", "math", "blockquote", "br")


class Sections(HTMLParser):
    """Takes a page apart. found: [anchor, heading, text] of each section, the first without anchor."""

    def __init__(self):
        super().__init__()
        self.found: list[list[str]] = [["", "", ""]]
        self.deaf: list[str] = []
        self.part = 2  # of the section that is read: 1 in its heading

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if self.deaf or tag in DEAF or known.get("class") in ("output", "anchor-link"):
            if not self.deaf or tag == self.deaf[0]:
                self.deaf.append(tag)  # the same tags inside it are counted, and so its end is known
        elif tag in HEADINGS:
            if tag != "h1":
                self.found.append([known.get("id", ""), "", ""])
            self.part = 1
        if tag in SPACED:
            self.found[-1][self.part] += " "

    def handle_endtag(self, tag):
        if self.deaf and tag == self.deaf[0]:
            self.deaf.pop()
        elif not self.deaf and tag in HEADINGS:
            self.part = 2
        if tag in SPACED:
            self.found[-1][self.part] += " "

    def handle_data(self, data):
        if not self.deaf:
            self.found[-1][self.part] += data


def sections(body: str) -> list[list[str]]:
    """Return [anchor, heading, text] of each section of a page; nothing for a section without words."""
    reader = Sections()
    reader.feed(body)
    found = [[anchor, *(" ".join(text.split()) for text in texts)] for anchor, *texts in reader.found]
    return [section for section in found if any(section[1:])]


def index(pages) -> str:
    """Return the script that holds all sections of these pages: [file, title of the page, [anchor, heading, text] …]."""
    entries = [[page.file, f"{page.number} {page.title}".strip(), sections(page.body)] for page in pages]
    return f"const searched = {json.dumps(entries, ensure_ascii=False, separators=(',', ':'))};\n"
