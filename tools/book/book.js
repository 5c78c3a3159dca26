// A picture is enlarged by a click or Enter; without script, its link leads to the file.
const dialog = document.createElement("dialog");
dialog.setAttribute("aria-label", "Enlarged picture");
const button = document.createElement("button");
button.textContent = "Close";
dialog.addEventListener("click", () => dialog.close());
document.body.append(dialog);

for (const link of document.querySelectorAll(".enlarge")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser's own ways to open a link
    event.preventDefault();
    const small = link.querySelector("img");
    const large = small.cloneNode();
    // It fills the window; where that would make it no larger, on a phone, it is moved in its frame.
    const whole = (88 * small.naturalWidth) / small.naturalHeight;
    large.style.width = `max(${small.getAttribute("width") ?? small.naturalWidth}px, min(94vw, ${whole}vh))`;
    dialog.replaceChildren(button, large);
    dialog.showModal();
  });
}

// On paper nothing is folded: hints and answers are printed, too.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const element of folded) element.open = true;
});
addEventListener("afterprint", () => {
  for (const element of folded) element.open = false;
});

// On a narrow screen the table of contents begins folded.
if (matchMedia("(max-width: 60rem)").matches) document.querySelector(".contents details").open = false;

// Code is copied by a button; where the browser keeps its clipboard from a page, as it may on a stick, the old way serves.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

for (const code of document.querySelectorAll(".input, .text .highlight")) {
  const [place, press] = [document.createElement("div"), document.createElement("button")];
  [place.className, press.className, press.type, press.textContent] = ["code", "copy", "button", "Copy"];
  press.setAttribute("aria-live", "polite");
  press.addEventListener("click", async () => {
    const done = await copy(code.innerText.trimEnd());
    press.focus();
    press.textContent = done ? "Copied" : "Press Ctrl + C";
    setTimeout(() => (press.textContent = "Copy"), 2000);
  });
  code.replaceWith(place);
  place.append(code, press);
}

// ← and → lead to the chapters before and after, unless a control has the focus or what was last pressed scrolls sideways.
let pressed = null;
addEventListener("pointerdown", (event) => (pressed = event.target));
addEventListener("keydown", (event) => {
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const held = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented;
  if (!way || held || dialog.open || !event.target.matches("body, a")) return;
  for (let part = pressed; part instanceof Element; part = part.parentElement) {
    if (part.matches(".eca-edu-explorer") || (part.scrollWidth > part.clientWidth && getComputedStyle(part).overflowX === "auto")) return;
  }
  document.querySelector(`a[rel=${way}]`)?.click();
});

/** What tells the outcome of a prediction: all up to the next one or the next heading, but for exercises. */
function outcome(block) {
  const parts = [];
  let exercise = false; // whether the code before was one: its output is no outcome
  for (let next = block.nextElementSibling; next; next = next.nextElementSibling) {
    if (next.querySelector('[data-explorer="prediction"], [data-explorer="summary"]')) break;
    if (next.matches(".text")) {
      const heading = [...next.children].findIndex((child) => child.matches("h2, h3"));
      const before = [...next.children].slice(0, heading < 0 ? undefined : heading);
      parts.push(...before.filter((child) => !child.matches("blockquote")));
      if (heading >= 0) break;
    } else if (!(exercise && next.matches(".output"))) {
      exercise = /^check\./m.test(next.textContent);
      if (!exercise) parts.push(next);
    }
  }
  return parts;
}

// It is veiled until the prediction is made, or until the reader goes on without.
for (const still of document.querySelectorAll('.output .eca-edu-still[data-explorer="prediction"]')) {
  const veiled = outcome(still.closest(".output"));
  const skip = document.createElement("button");
  skip.className = "lift";
  skip.textContent = "Go on without";
  const veil = (on) => {
    for (const part of veiled) {
      part.classList.toggle("veiled", on);
      part.inert = on;
    }
    if (!on) skip.remove();
  };
  const look = () => still.querySelector(".eca-edu-committed") && veil(false);
  skip.addEventListener("click", () => veil(false));
  document.addEventListener("eca-edu-kept", look);
  veil(true);
  if (veiled.length) still.after(skip);
  document.addEventListener("DOMContentLoaded", () => requestAnimationFrame(look)); // explorers are drawn in that frame
}
