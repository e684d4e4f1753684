"""Pages in a real browser as somebody without a mouse uses them: what has the focus, and how well it is seen."""

from __future__ import annotations

from typing import Any

from tests.support.site_town import PASSWORD

RING = """() => {
  const seen = document.activeElement;
  if (!seen || seen === document.body) return null;
  const style = getComputedStyle(seen);
  let below = seen.parentElement;
  const clear = (colour) => colour === 'transparent' || /, 0\\)$/.test(colour);
  while (below && clear(getComputedStyle(below).backgroundColor)) below = below.parentElement;
  return {
    what: seen.tagName + '#' + seen.id + '.' + seen.className + ' ' + (seen.getAttribute('href') || ''),
    style: style.outlineStyle, width: parseFloat(style.outlineWidth), colour: style.outlineColor,
    below: below ? getComputedStyle(below).backgroundColor : 'rgb(255, 255, 255)',
  };
}"""


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rings(page: Any, path: str) -> list[dict[str, Any]]:
    """Go through a page with the tab key; return what has the focus at each stop."""
    page.goto(path)
    found: list[dict[str, Any]] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        ring = page.evaluate(RING)
        if ring is None:
            break
        found.append(ring)
    return found


MOST_STOPS = 150


def reach(page: Any, selector: str) -> None:
    """Press the tab key until what has the focus fits the selector; it must be seen, with a ring around it."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement?.matches(wanted) ?? false", selector):
            ring = page.evaluate(RING)
            assert (ring["style"], ring["width"] >= 2) == ("solid", True), ring
            assert page.evaluate("document.activeElement.checkVisibility()"), selector
            return
    raise AssertionError(f"the tab key never reached {selector} on {page.url}")


def press(page: Any, selector: str, key: str = "Enter") -> None:
    """Reach a control and press it; the page after it is loaded."""
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press(key)


def sign_in_by_keys(page: Any, address: str, email: str) -> None:
    page.goto(f"{address}/sign-in")
    for field, text in (("#email", email), ("#password", PASSWORD)):
        reach(page, field)
        page.keyboard.type(text)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def choose_in_menu(page: Any, path: str) -> None:
    """Go to a page of the menu; on a narrow screen the menu opens first."""
    if page.is_visible(".navbar-toggler"):
        reach(page, ".navbar-toggler")
        page.keyboard.press("Enter")
        page.wait_for_selector("#menu.show:not(.collapsing)")
    press(page, f".nav-link[href='{path}']")
