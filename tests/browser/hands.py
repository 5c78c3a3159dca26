"""What the browser tests do with explorers in every place: touch them by each hand, and look at how they are laid out."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError, expect

#: What answers to a pointer in a picture, best first.
GRIPS = (
    "[role=slider]:not([aria-disabled=true])",
    "td",
    ".eca-edu-stack",
    "input[type=radio]:enabled:not(:checked)",
    "button:enabled",
)
#: A prediction of the course, and what has nothing to touch before something is answered.
PREDICTION = ".eca-edu-explorer:has(> .eca-edu-controls > .eca-edu-question)"
IDLE = ".eca-edu-signs, .eca-edu-questions:empty"
#: The parts of an explorer that answer.
SHOWN = "e => [...e.querySelectorAll('.eca-edu-picture, .eca-edu-sentence')].map(part => part.innerHTML).join()"
SENTENCE = "e => e.querySelector('.eca-edu-sentence')?.innerText"
#: What sticks out of an explorer or of its drawing, and texts that lie on each other, as [words, words].
FAULTS = """root => {
    const faults = [], texts = [], box = root.getBoundingClientRect();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest('title, noscript, script, datalist, select, [hidden]')) continue;
        if (getComputedStyle(parent).visibility === 'hidden') continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const svg = parent.closest('svg');
        for (const at of range.getClientRects()) {
            if (at.width < 1) continue;
            const inside = (outer) => at.left >= outer.left - 1 && at.right <= outer.right + 1;
            const frame = svg && getComputedStyle(svg).overflow !== 'visible' ? svg.getBoundingClientRect() : null;
            if (!inside(box) || (frame && !(inside(frame) && at.top >= frame.top - 3 && at.bottom <= frame.bottom + 3)))
                faults.push([node.data.trim(), 'is cut']);
            texts.push([at, node.data.trim(), parent]);
        }
    }
    texts.forEach(([a, words, parent], i) => texts.slice(i + 1).forEach(([b, others, other]) => {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 5 && parent !== other) faults.push([words, `lies on ${others}`]);
    }));
    for (const part of root.querySelectorAll('svg, input, button, select, eca-edu-map, table')) {
        const at = part.getBoundingClientRect();
        const out = at.width && (at.left < box.left - 1 || at.right > box.right + 1);
        if (out) faults.push([part.outerHTML.slice(0, 90), 'sticks out']);
    }
    return faults;
}"""


#: Returns when an element has been in one place for six frames: a notebook that was scrolled may settle later.
STILL = """async (element) => {
    const frames = () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const place = () => JSON.stringify(element.getBoundingClientRect());
    for (let same = 0, before; same < 3; before = place(), await frames()) same = before === place() ? same + 1 : 0;
}"""


def touch(page, explorer, hand):
    """Move the first thing of an explorer that can be moved, from its start: its picture or its sentence is then another one."""
    if explorer.locator(IDLE).count():
        return
    for reset in explorer.locator(".eca-edu-reset:visible").all():
        reset.click()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    before = explorer.evaluate(SHOWN)
    grips = (".eca-edu-dots", *GRIPS) if hand == "touch" else GRIPS  # a finger elsewhere in a list scrolls the page
    grip = next(found.first for css in grips if (found := explorer.locator(".eca-edu-picture").locator(css)).count())
    kind = grip.evaluate("e => e.matches('.eca-edu-handle') ? 'handle' : e.tagName")
    if hand == "keyboard":
        if kind == "TD":
            grip.press("ArrowRight")
        else:
            grip.press({"INPUT": "Space", "BUTTON": "Enter", "handle": "ArrowDown"}.get(kind, "ArrowUp"))
    else:
        drag(page, grip, hand, 0 if kind in ("INPUT", "BUTTON") else 6)
    changed = f"([e, before]) => ({SHOWN})(e) !== before"
    try:
        page.wait_for_function(changed, arg=[explorer.element_handle(), before])
    except TimeoutError as error:
        touched = f"{hand} at {page.viewport_size['width']} px on {grip.evaluate('e => e.outerHTML')[:300]}"
        raise AssertionError(f"nothing changed: {touched}; {explorer.evaluate(SENTENCE)}") from error


def commit(page):
    """Answer all predictions on a page, by keys, and reveal them; return how many there are."""
    found = page.locator(PREDICTION).all()
    for prediction in found:
        if prediction.locator(".eca-edu-committed").count():  # in an earlier run
            continue
        parts = prediction.locator("[role=slider], input[type=radio], .eca-edu-handle")
        kind = prediction.locator(".eca-edu-prediction").get_attribute("class")
        for part in parts.all() if "ask-numbers" in kind else [parts.first]:  # one touch sets all of a curve
            part.press("Space" if "ask-choice" in kind else "ArrowDown")
        prediction.get_by_role("button", name="Reveal").click()
    expect(page.locator(".eca-edu-committed")).to_have_count(len(found))
    return len(found)


def drag(page, grip, hand, steps):
    """Press where an element is, move on, and let go."""
    grip.scroll_into_view_if_needed()
    grip.evaluate(STILL)
    box = (grip.locator("circle").last if grip.locator("circle").count() else grip).bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4
    places = [(x + 9 * i, y + 6 * i) for i in range(steps + 1)]
    if hand == "mouse":
        page.mouse.move(x, y)
        page.mouse.down()
        for place in places:
            page.mouse.move(*place)
        page.mouse.up()
    else:
        session = page.context.new_cdp_session(page)
        for kind, points in [
            ("touchStart", places[:1]),
            *(("touchMove", [place]) for place in places[1:]),
            ("touchEnd", []),
        ]:
            session.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": px, "y": py} for px, py in points]}
            )
        session.detach()


def barriers(page, where=".eca-edu-explorer"):
    """What axe finds serious or critical in explorers, for somebody who does not see or point: the rule, the place, why."""
    found = (
        Axe().run(page, context=where, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    )
    return [
        (rule["id"], node["html"][:300], node["failureSummary"])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
