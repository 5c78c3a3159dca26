"""Explorers as pages that are touched in Chromium, without a kernel and without a network."""

import contextlib

import pytest
from playwright.sync_api import expect

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>an explorer</title><style>
:root {{ color-scheme: light dark }} body {{ margin: 12px; background: Canvas }}</style><main>{}</main>"""

#: An explorer with a kernel that only listens: what is asked of it comes to `asked`, `change` tells of its traits, and after
#: `lose` it is gone.
WITH_KERNEL = """async ([code, state]) => {
    document.querySelector("main").replaceChildren();
    const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    const [listeners, el] = [[], document.querySelector("main")];
    const on = (event, listener) => listeners.push(listener);
    window.asked = [];
    const [send, set] = [(content) => asked.push(content.asked), (name, value) => (state[name] = value)];
    module.default.render({ model: { get: (name) => state[name], set, save_changes() {}, on, send }, el });
    window.change = (changes) => { Object.assign(state, changes); listeners.forEach((listener) => listener()); };
    window.lose = () => { el.className = "jupyter-widgets-disconnected"; change({}); };
    window.state = state;
}"""

#: Tells when a page asks for what it kept before its first frame, when Chromium may still answer that there is nothing.
PATIENT = """{
    let framed = false;
    requestAnimationFrame(() => (framed = true));
    const { get } = Object.getOwnPropertyDescriptor(window, "localStorage");
    const asked = () => framed || console.error("localStorage was asked before the first frame");
    Object.defineProperty(window, "localStorage", { get() { asked(); return get.call(window); } });
}"""


class Shown:
    """An explorer in a page: `part(css)` finds, `says(words)` waits for its sentence, `drag` and `key` touch it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".eca-edu-explorer").first

    def part(self, css, **which):
        return self.root.locator(css, **which)

    def slider(self, label):
        return self.root.get_by_role("slider", name=label, exact=True)

    def says(self, words):
        expect(self.root.locator(".eca-edu-sentence")).to_contain_text(words)

    def refuses(self, words):
        expect(self.root.locator(".eca-edu-alert")).to_contain_text(words)

    def connect(self, explorer):
        """Show an explorer in the place of the others, with a kernel that only listens."""
        state = {
            name: getattr(explorer, name) for name in explorer.trait_names(sync=True) if name in explorer.trait_values()
        }
        state = {
            name: value
            for name, value in state.items()
            if not name.startswith("_") and name not in ("layout", "tooltip")
        }
        self.page.evaluate(WITH_KERNEL, [explorer._esm, state])

    def type(self, label, text):
        """Type a text into the field with this label."""
        self.root.get_by_label(label).fill(text)
        self.root.get_by_label(label).press("Enter")

    def swipe(self, locator, dx, dy):
        """Touch the middle of an element with a finger and move it on."""
        locator.scroll_into_view_if_needed()
        box, finger = locator.bounding_box(), self.page.context.new_cdp_session(self.page)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind, share in [("Start", 0), *(("Move", i / 5) for i in range(1, 6)), ("End", None)]:
            at = [] if share is None else [{"x": x + share * dx, "y": y + share * dy}]
            finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})
        finger.detach()

    def drag(self, locator, dx, dy):
        """Take the middle of an element with the mouse and let it go elsewhere."""
        box = locator.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=5)
        self.page.mouse.up()


@pytest.fixture
def show(browser, tmp_path):
    """Open the page of an explorer; at the end nothing may have been asked from a network, and no error been told."""
    asked, errors, contexts = [], [], []

    def open_page(explorer, width=1100, height=700, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        context.add_init_script(PATIENT)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        file = tmp_path / "page.html"
        file.write_text(PAGE.format(explorer.to_html()), encoding="utf-8")
        page.goto(file.as_uri())
        shown = Shown(page)
        shown.root.wait_for(state="attached")
        return shown

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [context.close() for context in contexts])
        yield open_page
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
