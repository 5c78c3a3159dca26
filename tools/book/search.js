// Search without a server. The index is a script, not fetched, so that it is there on a stick as well; it is loaded when needed.
(() => {
  const MOST = 8;
  const GREEK = { delta: "Δ", gamma: "γ", omega: "ω", phi: "φ", psi: "ψ", rho: "ρ", sigma: "σ" };
  const box = document.querySelector(".search");
  const [input, list, status] = ["input", "ul", "p"].map((tag) => box.querySelector(tag));
  let [found, at] = [[], 0];
  box.hidden = false;

  /** What a word finds: where a word begins with it, and the Greek letter that it names. */
  const pattern = (word) => {
    const escaped = word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
    return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}${GREEK[word] ? `|${GREEK[word]}` : ""}`, "giu");
  };

  /** The sections in which every word is found, those first that have them in their headings and most often. */
  function search(words) {
    const patterns = words.map(pattern);
    const all = searched.flatMap(([file, title, sections]) =>
      sections.map(([anchor, heading, text]) => {
        const times = (p) => {
          const [inHeading, inTitle, inText] = [heading, title, text].map((part) => part.match(p)?.length ?? 0);
          return 10 * Math.min(1, inHeading) + 3 * Math.min(1, inTitle) + Math.min(5, inText);
        };
        const scores = patterns.map(times);
        const score = scores.every(Boolean) ? scores.reduce((a, b) => a + b) : 0;
        return { score, url: anchor ? `${file}#${anchor}` : file, title, heading, text, patterns };
      }),
    );
    return all.filter(({ score }) => score).sort((a, b) => b.score - a.score).slice(0, MOST);
  }

  /** A text around the first hit in it, with all hits marked. */
  function excerpt({ text, patterns }) {
    const hits = patterns.flatMap((p) => [...text.matchAll(p)].map((hit) => [hit.index, hit.index + hit[0].length]));
    hits.sort((a, b) => a[0] - b[0]);
    const first = Math.max(0, (hits[0]?.[0] ?? 0) - 40);
    const from = first && text.indexOf(" ", first) + 1;
    const to = text.length < from + 130 ? text.length : text.lastIndexOf(" ", from + 130);
    const parts = [from ? "… " : ""];
    let done = from;
    for (const [start, end] of hits) {
      if (start < done || end > to) continue;
      const mark = document.createElement("mark");
      mark.textContent = text.slice(start, end);
      parts.push(text.slice(done, start), mark);
      done = end;
    }
    return [...parts, text.slice(done, to), to < text.length ? " …" : ""];
  }

  function element(tag, parts) {
    const made = document.createElement(tag);
    made.append(...parts);
    return made;
  }

  function show() {
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (typeof searched === "undefined") return load();
    [found, at] = [words.length ? search(words) : [], 0];
    list.replaceChildren(
      ...found.map((section, i) => {
        const heading = [section.title, section.heading].filter((name, j) => name && (!j || !section.title.endsWith(name)));
        const option = element("li", [element("b", [heading.join(" › ")]), element("span", excerpt(section))]);
        option.setAttribute("role", "option");
        option.id = `found-${i}`;
        option.addEventListener("click", () => go(i));
        return option;
      }),
    );
    status.textContent = !words.length ? "" : found.length ? `${found.length === MOST ? "The best " : ""}${found.length} found` : "Nothing found";
    mark();
  }

  function mark() {
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", i === at));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", found.length > 0);
    if (found.length) input.setAttribute("aria-activedescendant", `found-${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function load() {
    if (document.querySelector("[data-searched]")) return;
    const script = document.createElement("script");
    script.src = "search-index.js";
    script.dataset.searched = "";
    script.addEventListener("load", show);
    document.head.append(script);
  }

  function close() {
    [found, input.value, status.textContent] = [[], "", ""];
    list.replaceChildren();
    mark();
    input.blur();
  }

  function go(i) {
    const { url } = found[i];
    close();
    location.href = url;
  }

  input.addEventListener("focus", load);
  input.addEventListener("input", show);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the click comes before the list is gone
  input.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && found.length) at = (at + by + found.length) % found.length;
    if (event.key === "Enter" && found.length) go(at);
    if (event.key === "Escape") close();
    if (by) {
      event.preventDefault();
      mark();
    }
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    event.preventDefault();
    input.focus();
  });
})();
