"""What every page must be that we write: well-formed, alone, and deaf to what its texts say."""

import re
from html.parser import HTMLParser

NASTY = "</style></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}\u202edlog\u2066\x00\x1b"


class Page(HTMLParser):
    """Tags, attributes and words of a page; an end tag must fit its start tag."""

    VOID = {"meta", "br", "img", "link", "hr", "input"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.words += " "
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data.replace("\N{NO-BREAK SPACE}", " ")

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def check(html: str) -> Page:
    """What holds for every report: well-formed, self-contained, no script, ids once, links that lead somewhere."""
    page = Page(html)
    assert not page.open
    assert "<script" not in html.lower()
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "form", "base", "image", "use"})
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert len(page.ids()) == len(set(page.ids()))
    for _, attributes in page.tags:
        assert attributes.keys().isdisjoint({"src", "srcset", "data", "xlink:href", "action"})
        if "href" in attributes:
            assert str(attributes["href"]).startswith("#") and str(attributes["href"])[1:] in page.ids()
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert "http://" not in html and "https://" not in html
    assert not re.search(r"\b(nan|None|Undefined|inf)\b", page.words)
    html.encode("utf-8")
    return page
