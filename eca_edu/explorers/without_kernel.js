// What stands in for the model of a widget in a page without a kernel, and what mounts the explorers there.

function withoutKernel(state) {
  const listeners = [];
  Object.assign(state, remembered(state.key));
  return {
    still: true,
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      listeners.forEach((listener) => listener());
    },
    on: (event, listener) => listeners.push(listener),
    save_changes() {},
  };
}
function mountStills() {
  for (const still of document.querySelectorAll(".eca-edu-still:not([data-mounted])")) {
    const explorer = explorers[still.dataset.explorer];
    if (!explorer) continue;
    still.dataset.mounted = "yes";
    const state = JSON.parse(still.querySelector("script").textContent);
    // Where a notebook is open, the widget with its kernel may be on its way, and then takes the place of this one.
    const mountNow = () => still.isConnected && mount(explorer, withoutKernel(state), still);
    if (still.closest(".jp-OutputArea")) setTimeout(mountNow, 1500);
    else mountNow();
  }
}
// A page that asks for what it kept before its first frame may, in Chromium on a busy machine, be told that there is nothing,
// and keep nothing either.
const whenDrawn = () => requestAnimationFrame(mountStills);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", whenDrawn);
else whenDrawn();
