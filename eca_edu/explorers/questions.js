// Three questions on earlier chapters, or the twelve of before and after: each drawn as a prediction is.

explorers.questions = (view) => {
  const { pool, ask, silent, title, names } = view.numbers; // silent: "before" or "after" the course, and nothing is told
  const empty = (name) => ({ answer: pool[name].kind === "numbers" ? {} : "", revealed: false });
  const said = (name) => view.get("answers")[name] ?? empty(name);
  view.reset = () => {}; // an answer stays

  const KEPT = "returning"; // {question: whether it was answered right}, in a page without a kernel
  const history = { ...view.numbers.history, ...(view.model.still && remembered(KEPT)) };

  function right(name) {
    const [{ kind, truth, within = 0 }, { answer }] = [pool[name], said(name)];
    return kind === "choice" ? answer === truth : Object.keys(truth).every((label) => Math.abs(answer[label] - truth[label]) <= within);
  }

  /** Two that were missed, if any were, and others that were not asked yet, spread over the chapters. */
  function chosen() {
    const missed = Object.keys(pool).filter((name) => history[name] === false).slice(0, ask - 1);
    const rest = Object.keys(pool).filter((name) => !missed.includes(name));
    const fresh = rest.filter((name) => !(name in history));
    const from = fresh.length + missed.length >= ask ? fresh : rest;
    const free = Math.min(ask - missed.length, from.length);
    return [...missed, ...Array.from({ length: free }, (_, i) => from[Math.floor(((i + 0.5) * from.length) / free)])];
  }
  const asked = view.get("asked").length || !ask ? view.get("asked") : chosen(); // kept with the first answer

  const columns = () => (view.width < (ask ? 840 : 600) ? 1 : ask ?? 2);

  /** What a question sees of the view: a state of its own. */
  const parts = {};
  const part = (name) => ({
    root: view.root, numbers: pool[name], seen: view.seen, look: view.look, draw: view.draw,
    get width() { return view.width / columns() - 20; },
    get hover() { return view.hover; },
    get: (trait) => ({ key: `${view.get("key")} ${name}`, ...said(name), ...(told() && { revealed: true }) })[trait],
    set(changes) {
      view.set({ asked, answers: { ...view.get("answers"), [name]: { ...said(name), ...changes } } });
      if (!silent && changes.revealed && view.model.still) {
        localStorage.setItem(`eca-edu ${KEPT}`, JSON.stringify({ ...remembered(KEPT), [name]: right(name) }));
      }
    },
  });

  const answered = (name) => (silent ? said(name).answer : said(name).revealed);
  const told = () => silent === "after" && asked.every(answered);
  const committed = () => Object.keys(names).filter((name) => remembered(`prediction ${name}`)?.revealed).length;

  function result(asked) {
    const number = asked.filter(answered).length;
    if (number < asked.length) return `${number} of ${asked.length} answered; to go on without them harms nothing.`;
    if (silent === "before") return "All are answered and kept. They come again at the end of the course, with the truth.";
    if (!silent) return `${asked.filter(right).length} of ${asked.length} are right.`;
    const before = (view.model.still && remembered("quiz before")?.answers) || view.numbers.before;
    const then = asked.filter((name) => (before[name]?.answer ?? before[name]) === pool[name].truth).length;
    return `Right now: ${asked.filter(right).length} of ${asked.length}` + (Object.keys(before).length ? `; before the course: ${then}.` : ".");
  }

  return () => {
    const line = view.model.still ? `So far: ${committed()} of ${Object.keys(names).length} predictions committed.` : view.numbers.so_far;
    return {
      asks: asked.some((name) => !(silent ? told() : answered(name))),
      controls: html`<b>${title}</b><span>${silent ? nothing : line}</span>`,
      picture: html`<div class="eca-edu-questions" style="grid-template-columns: repeat(${columns()}, 1fr)">${asked.map((name) => {
        const { controls, body, picture, sentence } = (parts[name] ??= explorers.prediction(part(name)))();
        return html`<section class="eca-edu-asked">${controls}${silent ? body : picture}
          ${silent && !told() ? nothing : html`<p>${sentence}</p>`}</section>`;
      })}</div>`,
      sentence: asked.length ? result(asked) : nothing,
    };
  };
};
