"""What is wrong with a page for people who use a keyboard, a screen reader, large text or their own colours.

axe-core looks at a page in both themes by the rules of WCAG 2.2 A and AA and by best practice. What it cannot see is
tried here: the keyboard, a window of 320 pixels (400 % zoom of 1280), wider spaces in the text, forced colours. Each
problem is a line of text that names the page and the element.
"""

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "rules": {"target-size": {"enabled": True}}}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What depends on the theme."""
NARROW = {"width": 320, "height": 640}
MOST_STOPS = 60
"""How often Tab is pressed on a page. What comes later on a long list is like what came before."""
MOST_PARTS = 40
"""How often Tab is pressed within fields of dates and times, beyond that."""
RUN = """async rules => (await axe.run(document.querySelector("dialog:modal") ?? document,
    {...rules, resultTypes: ["violations"]})).violations.flatMap(rule =>
    rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 200)}`))"""
"""Of the page, or of the dialog that is open above it."""
BY_NAME = """const named = element => element.outerHTML.slice(0, 160);"""
STICKS_OUT = f"""() => {{ {BY_NAME}
    const width = document.documentElement.clientWidth, scrolls = element =>
        element && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(element).overflowX)
            && element !== document.body || scrolls(element.parentElement));
    if (document.scrollingElement.scrollWidth <= width) return [];
    const out = [...document.body.querySelectorAll("*")].filter(element =>
        element.getBoundingClientRect().right > width + 0.5 && !scrolls(element.parentElement));
    return out.length ? out.slice(-2).map(named) : ["the page"];
}}"""
WIDER_SPACES = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
        word-spacing: 0.16em !important } p { margin-bottom: 2em !important }`);
    document.adoptedStyleSheets = [sheet];
}"""
"""The spaces of WCAG 2.2, criterion 1.4.12."""
OWN_SPACES = "() => { document.adoptedStyleSheets = []; }"
WITHOUT_EDGE = f"""() => {{ {BY_NAME}
    const marked = element => {{
        const style = getComputedStyle(element), outlined = style.outlineStyle !== "none";
        return parseFloat(style.borderBottomWidth) > 0 || outlined && parseFloat(style.outlineWidth) > 0
            || element.matches("[aria-current]") && style.fontWeight >= 600;
    }};
    const without = element => element.checkVisibility() && !marked(element)
        && !["hidden", "radio", "checkbox", "file"].includes(element.type);
    return [...document.querySelectorAll("button, select, textarea, input, a[aria-current]")]
        .filter(without).map(named);
}}"""
FROM_THE_TOP = """() => {
    document.body.setAttribute("tabindex", "-1");
    document.body.focus();
    document.body.removeAttribute("tabindex");
    window.scrollTo(0, 0);
}"""
STOPS = f"""() => {{ {BY_NAME}
    const groups = new Set();
    return [...document.querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex='0']")].filter(element => {{
            if (element.disabled || element.type === "hidden" || element.tabIndex < 0) return false;
            if (!element.checkVisibility({{visibilityProperty: true}}))
                return false;
            if (element.type !== "radio") return true;
            const group = element.form?.id + element.name, first = !groups.has(group);
            groups.add(group);
            return first;
        }}).length;
}}"""
FOCUSED = f"""() => {{ {BY_NAME}
    const element = document.activeElement;
    if (!element || element === document.body || element === document.documentElement) return null;
    const ringed = element.tagName === "IFRAME" || [element, element.closest("label")].some(found => {{
        const style = found && getComputedStyle(found);
        return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    }});
    const box = element.getClientRects()[0];
    const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1);
    const y = Math.min(Math.max(box.top + Math.min(box.height, 20) / 2, 1), innerHeight - 1);
    const there = document.elementFromPoint(x, y);
    const covered = !there || !(element.contains(there) || there.contains(element)
        || element.closest("label")?.contains(there));
    const place = [...document.querySelectorAll("*")].indexOf(element);
    const parts = element.matches("[type=date], [type=time]");  // day, month, hour: each is a stop of its own
    return {{named: named(element), place, ringed, covered, parts}};
}}"""

SETTLED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => Promise.all(
  document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity)
    .map(one => one.finished.catch(() => {}))))"""
"""Waits until the page has drawn itself and what fades from one colour into another has come to its end."""


async def violations(page: Page) -> list[str]:
    """What axe finds in the light theme, and about colours in the dark one."""
    await page.emulate_media(color_scheme="light")
    await page.evaluate(SETTLED)
    await page.evaluate(AXE)
    found = [f"axe, {text}" for text in await page.evaluate(RUN, RULES)]
    await page.emulate_media(color_scheme="dark")
    await page.evaluate(SETTLED)
    return found + [f"axe in the dark, {text}" for text in await page.evaluate(RUN, COLOURS)]


async def forced_colours(page: Page) -> list[str]:
    """What cannot be told apart when the reader's system chooses the colours: a control without an edge, or the current
    entry of a menu without any mark but its colour."""
    await page.emulate_media(forced_colors="active", color_scheme="light")
    found: list[str] = await page.evaluate(WITHOUT_EDGE)
    await page.emulate_media(forced_colors="none")
    return [f"no edge in forced colours: {text}" for text in found]


async def sticking_out(page: Page) -> list[str]:
    """What makes the page scroll sideways in a window of 320 pixels, also with wider spaces in the text."""
    before = page.viewport_size
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    found = [f"wider than 320 pixels: {text}" for text in await page.evaluate(STICKS_OUT)]
    await page.evaluate(WIDER_SPACES)
    wider = [f"wider than 320 pixels with wide spaces: {text}" for text in await page.evaluate(STICKS_OUT)]
    await page.evaluate(OWN_SPACES)
    if before:
        await page.set_viewport_size(before)
    return found or wider


async def keyboard(page: Page) -> list[str]:
    """What goes wrong when the page is walked through by Tab: a stop that is not seen or is hidden behind something, a
    step back, a place that cannot be left, a control that is not reached."""
    await page.evaluate(FROM_THE_TOP)
    stops: int = await page.evaluate(STOPS)
    problems, places, wanted = [], list[int](), min(stops, MOST_STOPS)
    for _ in range(wanted + 1 + MOST_PARTS):
        await page.keyboard.press("Tab")
        found: dict[str, Any] | None = await page.evaluate(FOCUSED)
        if found is None or (places and found["place"] == places[0]):
            break
        if found["parts"] and places and found["place"] == places[-1]:
            continue
        if len(places) > wanted:
            break
        if places and found["place"] <= places[-1]:
            problems.append(f"Tab leads back to {found['named']}")
            break
        places.append(found["place"])
        problems += [f"the focus is not seen: {found['named']}"] if not found["ringed"] else []
        problems += [f"the focus is covered: {found['named']}"] if found["covered"] else []
    if len(places) < wanted:
        problems.append(f"Tab reaches {len(places)} of {stops} controls")
    return problems
