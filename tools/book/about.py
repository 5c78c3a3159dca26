"""What each page says about the book itself: where it and its notebooks stand, its licence, how to cite it."""

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import quote

import yaml
from matplotlib.figure import Figure
from PIL import Image

from eca_edu.figures.colours import BLUE

ROOT = Path(__file__).resolve().parents[2]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
REPOSITORY = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?")
BRANCH = "main"  # the one of which the workflow publishes the book


@dataclass(frozen=True)
class About:
    """repository, site: the addresses of the repository on GitHub and of the published book, or "" where there is none."""

    repository: str = CITATION.get("repository-code", "")
    site: str = ""

    def __post_init__(self):
        if self.repository and not REPOSITORY.fullmatch(self.repository):
            raise ValueError(f"repository must be https://github.com/OWNER/NAME; got {self.repository!r}")
        if self.site and not re.match(r"https?://", self.site):
            raise ValueError(f"site must begin with https://; got {self.site!r}")

    def address(self, file: str) -> str:
        """Return the address of a file of the book on the web, or "" if that is unknown."""
        return f"{self.site.rstrip('/')}/{file}" if self.site else ""

    def links(self, source: Path) -> dict[str, str]:
        """Return {words: address} of a notebook on the web; nothing where the repository is unknown."""
        if not (match := REPOSITORY.fullmatch(self.repository)):
            return {}
        name, file = match.group(1), quote(f"notebooks/{source.name}")
        return {
            "on GitHub": f"https://github.com/{name}/blob/{BRANCH}/{file}",
            "on Binder": f"https://mybinder.org/v2/gh/{name}/{BRANCH}?labpath={quote(file, safe='')}",
            "in Colab": f"https://colab.research.google.com/github/{name}/blob/{BRANCH}/{file}",
        }

    def first_cell(self) -> str:
        """Return what Colab, where each notebook has an empty machine, has to run before it."""
        return f"!git clone --quiet {self.repository} eca-edu\n%pip install --quiet ./eca-edu\n%cd eca-edu/notebooks"

    def licence(self) -> str:
        """Return whose the course is, and by which licence."""
        owner = re.search(r"^Copyright \(c\) (.+)$", (ROOT / "LICENSE").read_text(encoding="utf-8"), re.MULTILINE)
        return f"© {owner.group(1)}. {CITATION['license']} licence"

    def citations(self) -> list[str]:
        """Return how to cite the course and the paper that it teaches."""
        (author,), (paper,) = CITATION["authors"], CITATION["references"]
        people = ", ".join(f"{person['given-names'][0]}. {person['family-names']}" for person in paper["authors"])
        course = f"{author['name']}. {CITATION['title']}. Version {CITATION['version']}."
        where = f"{paper['collection-title']}, {paper['year']}. {paper['identifiers'][0]['value']}"
        return [" ".join([course, self.site or self.repository]).strip(), f"{people}. {paper['title']}. {where}."]


def plain(html: str) -> str:
    """Return the words of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def described(html: str, longest: int = 200) -> str:
    """Return the first paragraph of a page as plain words, cut where it is too long for a search engine or a card."""
    first = plain(re.search(r"<p>(.*?)</p>", html, re.DOTALL).group(1))
    return first if len(first) <= longest else f"{first[:longest].rpartition(' ')[0]} …"


def draw_card(file: Path, title: str, words: str) -> None:
    """Draw the picture that a link to the book shows elsewhere: 1200 by 630, the title beside the four steps of ECA."""
    steps = Image.open(ROOT / "tools" / "gallery" / "overview.png").convert("RGB").crop((0, 0, 700, 637))
    figure = Figure((12, 6.3), dpi=100, facecolor="white")
    axes = figure.add_axes((0.46, 0.03, 0.53, 0.94))
    axes.imshow(steps)
    axes.set_axis_off()
    figure.text(0.04, 0.6, title.replace(" ", "\n"), fontsize=44, fontweight="bold", va="center", linespacing=1.25)
    figure.text(0.04, 0.27, words, fontsize=21, color="#333333", va="center", linespacing=1.4)
    figure.text(
        0.04, 0.09, CITATION["title"].partition(":")[0], fontsize=21, color=BLUE, fontweight="bold", va="center"
    )
    figure.savefig(file, metadata={"Software": None})
