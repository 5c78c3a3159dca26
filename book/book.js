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
