// <pdf-download src="/orders/pdf" name="orders">Download PDF</pdf-download>
//
// A button that asks the page's own host for a PDF, shows how far it is, and starts the download when it is ready.
// The host's routes: POST src, GET src/ID, GET src/ID/file, DELETE src/ID, POST src/ID/retry; see client/README.md.
// It uses no inline style or script and no HTML from text, so the strictest content security policy allows it.
{
  const WORDS = {
    en: {
      download: "Download PDF", cancel: "Cancel", retry: "Try again", again: "Download again", anew: "Make a new one",
      starting: "Starting", queued: "Waiting to start", planning: "Counting the pages", cancelled: "Cancelled", cancelling: "Cancelling",
      pages: { one: "{n} page", other: "{n} pages" }, about: "{pages}, about {time}", joined: "{done} of {bytes}",
      left: "{done} of {pages}, about {time} left", drawing: "{done} of {pages}", joining: "Putting the file together",
      ready: "Ready: {pages}, {bytes}", volume: "Part {n}", failed: "The PDF could not be made.",
      offline: "No connection. Trying again", gone: "The PDF is no longer there.", signedOut: "Please sign in again.",
    },
    de: {
      download: "PDF herunterladen", cancel: "Abbrechen", retry: "Erneut versuchen", again: "Erneut herunterladen",
      anew: "Neu erstellen", starting: "Wird gestartet", queued: "Wartet auf den Beginn",
      planning: "Seiten werden gezählt", cancelled: "Abgebrochen", cancelling: "Wird abgebrochen",
      pages: { one: "{n} Seite", other: "{n} Seiten" },
      about: "{pages}, etwa {time}", joined: "{done} von {bytes}", left: "{done} von {pages}, noch etwa {time}",
      drawing: "{done} von {pages}", joining: "Datei wird zusammengefügt", ready: "Fertig: {pages}, {bytes}",
      volume: "Teil {n}", failed: "Das PDF konnte nicht erstellt werden.", gone: "Das PDF ist nicht mehr vorhanden.",
      offline: "Keine Verbindung. Neuer Versuch", signedOut: "Bitte melden Sie sich erneut an.",
    },
    fr: {
      download: "Télécharger le PDF", cancel: "Annuler", retry: "Réessayer", again: "Télécharger à nouveau",
      anew: "En créer un nouveau", starting: "Démarrage", queued: "En attente", planning: "Décompte des pages",
      cancelled: "Annulé", cancelling: "Annulation", pages: { one: "{n} page", other: "{n} pages" }, about: "{pages}, environ {time}",
      left: "{done} sur {pages}, encore environ {time}", drawing: "{done} sur {pages}", joined: "{done} sur {bytes}",
      joining: "Assemblage du fichier", ready: "Prêt : {pages}, {bytes}", volume: "Partie {n}",
      failed: "Le PDF n’a pas pu être créé.", offline: "Pas de connexion. Nouvel essai",
      gone: "Le PDF n’est plus disponible.", signedOut: "Veuillez vous reconnecter.",
    },
    es: {
      download: "Descargar PDF", cancel: "Cancelar", retry: "Reintentar", again: "Descargar de nuevo",
      anew: "Crear otro", starting: "Iniciando", queued: "En espera", planning: "Contando las páginas",
      cancelled: "Cancelado", cancelling: "Cancelando",
      pages: { one: "{n} página", other: "{n} páginas" }, about: "{pages}, aprox. {time}",
      left: "{done} de {pages}, quedan aprox. {time}", drawing: "{done} de {pages}", joined: "{done} de {bytes}",
      joining: "Uniendo el archivo", ready: "Listo: {pages}, {bytes}", volume: "Parte {n}",
      failed: "No se pudo crear el PDF.", offline: "Sin conexión. Nuevo intento",
      gone: "El PDF ya no está disponible.", signedOut: "Inicie sesión de nuevo.",
    },
    ko: {
      download: "PDF 다운로드", cancel: "취소", retry: "다시 시도", again: "다시 다운로드", anew: "새로 만들기",
      starting: "시작하는 중", queued: "시작 대기 중", planning: "페이지를 세는 중", cancelled: "취소됨", cancelling: "취소하는 중",
      pages: { other: "{n}페이지" }, about: "{pages}, 약 {time}", left: "{pages} 중 {done}, 약 {time} 남음",
      drawing: "{pages} 중 {done}", joined: "{bytes} 중 {done}", joining: "파일을 합치는 중",
      ready: "완료: {pages}, {bytes}", volume: "{n}부", failed: "PDF를 만들지 못했습니다.",
      offline: "연결이 끊겼습니다. 다시 시도하는 중", gone: "PDF가 더 이상 없습니다.", signedOut: "다시 로그인하세요.",
    },
    ja: {
      download: "PDFをダウンロード", cancel: "キャンセル", retry: "再試行", again: "もう一度ダウンロード",
      anew: "新しく作成", starting: "開始しています", queued: "開始を待っています", planning: "ページを数えています",
      cancelled: "キャンセルしました", cancelling: "キャンセルしています",
      pages: { other: "{n}ページ" }, about: "{pages}、約{time}",
      left: "{pages}中{done}、残り約{time}", drawing: "{pages}中{done}", joined: "{bytes}中{done}",
      joining: "ファイルを結合しています", ready: "完了：{pages}、{bytes}", volume: "第{n}部",
      failed: "PDFを作成できませんでした。", offline: "接続がありません。再試行しています",
      gone: "PDFはもうありません。", signedOut: "もう一度ログインしてください。",
    },
  };
  const OVER = ["ready", "failed", "cancelled", "expired"];
  const [SOON, LATER, LONGEST] = [1000, 5000, 30000]; // ms between two requests: at first, while nothing changes, at most
  const PATIENCE = { GET: 20000, POST: 120000, DELETE: 30000 }; // ms until a request without an answer is given up
  const REMEMBERED = 3600000; // ms for which a press without an answer is sent again when the page is opened again
  const GONE = [403, 404, 410]; // statuses
  const LISTENED = [[window, "online"], [window, "storage"], [document, "visibilitychange"]];

  const STYLE = new CSSStyleSheet();
  STYLE.replaceSync(`
    :host { --accent: var(--pdf-download-accent, #1a6fe0); display: inline-block; max-inline-size: 100%;
      vertical-align: top; line-height: 1.4; }
    :host([hidden]), [hidden] { display: none !important; }
    [part=box] { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5em 0.75em; overflow-wrap: anywhere;
      inline-size: var(--pdf-download-width, 24em); max-inline-size: 100%; }
    :host(:is([data-state=idle], [data-state=cancelled])) [part=box] { inline-size: auto; }
    [part=words] { flex: 1 1 10em; user-select: none; font-variant-numeric: tabular-nums; }
    [part=progress], [part=reason], [part=files] { flex: 1 1 100%; }
    [part=reason], [part=files] { margin: 0; padding: 0; list-style: none; }
    [part=reason] { border-inline-start: 3px solid var(--pdf-download-error, #d93025); padding-inline-start: 0.75em; }
    a { color: inherit; }
    button { font: inherit; min-block-size: 2.25em; padding: 0.25em 0.9em; cursor: pointer; background: none;
      color: inherit; border: 1px solid color-mix(in srgb, currentColor 60%, transparent);
      border-radius: var(--pdf-download-radius, 0.4em); }
    [part=button] { min-block-size: 2.75em; background: var(--accent); border-color: transparent;
      color: var(--pdf-download-on-accent, #fff); }
    button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    progress { appearance: none; block-size: 0.75em; inline-size: 100%; overflow: hidden; background: none;
      color: inherit; border: 1px solid color-mix(in srgb, currentColor 60%, transparent); border-radius: 1em; }
    progress::-webkit-progress-bar { background: none; }
    progress::-webkit-progress-value { background: var(--accent); transition: inline-size 0.4s; }
    progress::-moz-progress-bar { background: var(--accent); }
    progress:indeterminate { background: repeating-linear-gradient(-45deg, transparent 0 0.6em,
      color-mix(in srgb, currentColor 25%, transparent) 0.6em 1.2em); }
    progress:indeterminate::-moz-progress-bar { background: none; }
    .said { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
    @media (forced-colors: active) {
      progress::-webkit-progress-value { background: Highlight; forced-color-adjust: none; }
      progress::-moz-progress-bar { background: Highlight; forced-color-adjust: none; }
    }
    @media (prefers-reduced-motion: reduce) { progress::-webkit-progress-value { transition: none; } }
  `);

  const made = (tag, part = "", more = {}) => {
    const node = Object.assign(document.createElement(tag), more);
    if (part) node.setAttribute("part", part);
    return node;
  };
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const refused = (answer) => Object.assign(new Error(`HTTP ${answer.status}`), { answer });
  const read = (answer) => {
    if (answer.status < 200 || answer.status > 299 || !answer.told?.id) throw refused(answer);
    return { ...answer.told, etag: answer.etag };
  };
  const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-"); // randomUUID exists on https only

  class PdfDownload extends HTMLElement {
    static observedAttributes = ["src", "name", "lang"];
    #nodes = {};
    #view = { state: "idle" };
    #run = new AbortController(); // what is under way: aborted when something else begins or the element is removed
    #wake = () => {};
    #said = "";
    #unwanted = false; // cancelled before the host answered
    #memory = null; // in place of localStorage, where the browser refuses it

    constructor() {
      super();
      const button = (part, act) => {
        const node = made("button", part, { type: "button" });
        node.addEventListener("click", (event) => event.detail > 1 || act()); // not for the second of a double click
        return node;
      };
      const start = () => this.#begin(() => this.#ask(random()));
      const nodes = {
        start: button("button", start),
        words: made("span", "words"),
        link: made("a", "link", { download: "" }),
        cancel: button("cancel", () => this.#giveUp()),
        bar: made("progress", "progress", { max: 100 }),
        reason: made("p", "reason"),
        files: made("ul", "files"),
        retry: button("retry", () => this.#begin(() => this.#retry())),
        anew: button("anew", start),
      };
      const slot = made("slot"); // the label, which the parser may add later
      slot.addEventListener("slotchange", () => this.#label(this.#words()));
      const unlabelled = made("span");
      nodes.start.append(slot, unlabelled);
      const box = made("div", "box");
      box.setAttribute("role", "group");
      box.append(...Object.values(nodes));
      const said = made("span", "", { className: "said" });
      said.setAttribute("role", "status");
      nodes.link.addEventListener("click", (event) => {
        event.preventDefault();
        this.#begin(() => this.#fetchAgain());
      });
      const root = this.attachShadow({ mode: "open", delegatesFocus: true });
      root.adoptedStyleSheets = [STYLE];
      root.append(box, said);
      this.#nodes = { ...nodes, box, said, slot, unlabelled };
    }

    connectedCallback() {
      for (const [target, name] of LISTENED) target.addEventListener(name, this);
      this.#begin(() => this.#resume());
    }

    disconnectedCallback() {
      for (const [target, name] of LISTENED) target.removeEventListener(name, this);
      this.#run.abort();
    }

    attributeChangedCallback(_, before, now) {
      if (this.isConnected && before !== now) this.#begin(() => this.#resume());
    }

    handleEvent({ type, key }) {
      if (type !== "storage") return this.#wake(); // the connection is back, or the page is looked at: ask now
      if (key !== this.#slot()) return;
      const kept = this.#kept(); // by another tab
      if (!kept?.key && kept?.id !== this.#view.id) this.#begin(() => this.#resume());
    }

    // what is done

    #begin(work) {
      this.#run.abort();
      const { signal } = (this.#run = new AbortController());
      work().catch((error) => {
        if (signal.aborted) return;
        if (!error.answer) throw error;
        this.#refuse(error.answer);
      });
    }

    async #resume() {
      const { id, key, at } = this.#kept() ?? {};
      if (key && Date.now() - at < REMEMBERED) return this.#ask(key);
      this.#show(id ? { state: "looking", id } : { state: "idle" });
      if (!id) return;
      const answer = await this.#send("GET", `/${id}`);
      if (!GONE.includes(answer.status)) return this.#follow(read(answer), true);
      this.#forget("idle"); // it was removed, or belongs to the user who was signed in before
    }

    async #ask(key) {
      this.#keep({ key, at: Date.now() });
      this.#unwanted = false;
      this.#show({ state: "starting" });
      const answer = await this.#send("POST", "", { body: { key }, wanted: () => !this.#unwanted });
      if (!answer) return this.#forget("cancelled");
      const view = read(answer);
      this.#keep({ id: view.id });
      await (this.#unwanted ? this.#cancel(view.id) : this.#follow(view));
    }

    async #follow(view, resumed = false) {
      for (let pause = SOON; !OVER.includes(view.state); resumed = false) {
        this.#show(view);
        await this.#pause(pause);
        const answer = await this.#send("GET", `/${view.id}`, { etag: view.etag });
        pause = answer.status === 304 ? Math.min(LATER, pause * 1.5) : SOON;
        if (answer.status !== 304) view = read(answer);
      }
      this.#show(view);
      if (view.state !== "ready" || resumed || this.#kept()?.fetched === view.id) return;
      this.#keep({ id: view.id, fetched: view.id }); // of several tabs one downloads
      if (await this.#isFirst(view)) this.#fetch(view);
    }

    // What one tab keeps, others see a moment later: of those that look in that moment, one gets the lock. Without
    // https there are no locks.
    #isFirst({ id }) {
      const held = (tell) => (lock) => {
        tell(Boolean(lock));
        return lock && new Promise((done) => setTimeout(done, LONGEST));
      };
      const ask = (tell) =>
        navigator.locks.request(`${this.#slot()} ${id}`, { ifAvailable: true }, held(tell)).catch(() => tell(true));
      return navigator.locks ? new Promise(ask) : true;
    }

    #giveUp() {
      const { id } = this.#view;
      if (id) return this.#begin(() => this.#cancel(id));
      this.#unwanted = true; // it is cancelled once the host answered, and said what
      this.#show({ state: "cancelling" });
      this.#wake();
    }

    async #cancel(id) {
      this.#show({ state: "cancelling", id });
      const { told } = await this.#send("DELETE", `/${id}`);
      if (told?.state !== "ready") return this.#forget("cancelled");
      this.#show(told); // it was ready just before
    }

    #forget(state) {
      this.#keep(null);
      this.#show({ state });
    }

    async #retry() {
      const { id, state } = this.#view;
      if (state !== "failed") return this.#kept() ? this.#resume() : this.#ask(random());
      this.#show({ state: "starting", id });
      const answer = await this.#send("POST", `/${id}/retry`, { body: {} });
      if ([404, 405, 410].includes(answer.status)) return this.#ask(random());
      if (answer.status !== 409) return this.#follow(read(answer));
      const view = read(await this.#send("GET", `/${id}`)); // it goes on already, or is not closed yet
      const { detail: message, advice } = answer.told ?? {};
      return this.#follow(view.state === "failed" ? { ...view, failure: { message, advice } } : view);
    }

    async #fetchAgain() {
      const view = read(await this.#send("GET", `/${this.#view.id}`)); // if it was removed, the element says so
      this.#show(view);
      if (view.state === "ready") this.#fetch(view);
    }

    #fetch({ id }) {
      made("a", "", { href: this.#url(`/${id}/file`), download: "" }).click();
    }

    #refuse({ status, told }) {
      const away = status === 0 || status === 401; // redirected to a page for signing in, or told to
      const gone = GONE.includes(status) && this.#view.id;
      if (gone || (!away && status < 500 && !this.#kept()?.id)) this.#keep(null); // it would be refused again
      const says = this.#words();
      if (away || gone) return this.#show({ state: "refused", text: away ? says.signedOut : says.gone });
      const failure = { message: told?.detail ?? `HTTP ${status}`, advice: told?.advice };
      this.#show({ state: "refused", text: says.failed, failure });
    }

    // requests and memory

    // Returns an answer that is for good: what passes is tried again. Null if it is no longer wanted.
    async #send(method, path = "", { body, etag, wanted = () => true } = {}) {
      const { signal } = this.#run;
      const url = this.#url(path);
      for (let tries = 0; ; tries += 1) {
        const answer = await this.#try(method, url, body, etag, signal).catch(() => null); // null: no connection
        signal.throwIfAborted();
        const busy = method === "GET" && [429, 500].includes(answer?.status);
        if (answer && answer.status < 502 && !busy) return answer;
        if (!wanted()) return null;
        const { words } = this.#nodes;
        words.textContent = this.#words().offline;
        words.hidden = false;
        this.#say(words.textContent, "offline");
        await this.#pause(answer?.later || Math.min(LONGEST, SOON * 2 ** tries) * (0.75 + Math.random() / 2));
      }
    }

    async #try(method, url, body, etag, signal) {
      const headers = { Accept: "application/json, application/problem+json" };
      if (etag) headers["If-None-Match"] = etag;
      if (body) headers["Content-Type"] = "application/json";
      if (method !== "GET" && this.hasAttribute("csrf")) headers["X-CSRFToken"] = this.#csrf();
      const ends = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE[method])]);
      const asked = { method, headers, body: body && JSON.stringify(body), redirect: "manual", signal: ends };
      const response = await fetch(url, asked); // a redirect has the status 0
      const json = response.status !== 304 && /[/+]json/.test(response.headers.get("Content-Type"));
      const later = Math.min(300, Number(response.headers.get("Retry-After")) || 0) * 1000;
      const told = json ? await response.json() : null;
      return { status: response.status, etag: response.headers.get("ETag"), later, told };
    }

    async #pause(ms) {
      const { signal } = this.#run;
      await new Promise((done) => {
        this.#wake = done;
        setTimeout(done, ms);
        signal.addEventListener("abort", done, { once: true });
      });
      signal.throwIfAborted();
    }

    #csrf() {
      const given = this.getAttribute("csrf");
      const cookie = document.cookie.split("; ").find((each) => each.startsWith(`${given}=`));
      return cookie ? decodeURIComponent(cookie.slice(given.length + 1)) : given;
    }

    #url(path = "") {
      if (!this.getAttribute("src")) throw new Error("<pdf-download> needs the attribute src, such as /orders/pdf.");
      const url = new URL(this.getAttribute("src"), this.baseURI);
      url.pathname = url.pathname.replace(/\/$/, path ? "" : "$&") + path;
      return url.href;
    }

    #slot() {
      return `pdf-download ${this.#url()} ${this.getAttribute("name") ?? ""}`;
    }

    #kept() {
      try {
        return JSON.parse(localStorage.getItem(this.#slot()));
      } catch {
        return this.#memory;
      }
    }

    #keep(value) {
      this.#memory = value;
      try {
        if (value) localStorage.setItem(this.#slot(), JSON.stringify(value));
        else localStorage.removeItem(this.#slot());
      } catch {} // the browser refuses it: only coming back is lost
    }

    // what is shown

    #words() {
      const near = this.closest("[lang]")?.lang || document.documentElement.lang || navigator.language || "";
      const asked = near.replace("_", "-").toLowerCase();
      const code = asked.split("-")[0] in WORDS ? asked.split("-")[0] : "en";
      const locale = asked.startsWith(code) && /^[a-z]{2}(-[a-z0-9]{2,8})*$/.test(asked) ? asked : code;
      const number = (value, options) => new Intl.NumberFormat(locale, options).format(value);
      const unit = (value, name, maximumFractionDigits = 0) =>
        number(value, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits });
      const pages = (n) => {
        const forms = WORDS[code].pages;
        return filled(forms[new Intl.PluralRules(locale).select(n)] ?? forms.other, { n: number(n) });
      };
      return { ...WORDS[code], number, unit, pages };
    }

    #time({ unit }, seconds) {
      if (seconds < 90) return unit(Math.max(1, Math.round(seconds)), "second");
      return seconds < 5400 ? unit(Math.round(seconds / 60), "minute") : unit(seconds / 3600, "hour", 1);
    }

    #size({ unit }, bytes) {
      if (bytes < 1e6) return unit(Math.max(1, Math.round(bytes / 1e3)), "kilobyte");
      return bytes < 1e9 ? unit(bytes / 1e6, "megabyte", bytes < 1e7 ? 1 : 0) : unit(bytes / 1e9, "gigabyte", 1);
    }

    #text(says, view) {
      const { state, progress, result } = view;
      if (state === "expired") return says.gone;
      const made = result && { pages: says.pages(result.pages), bytes: this.#size(says, result.bytes) };
      if (state === "ready") return filled(says.ready, made);
      if (state === "assembling") return this.#joining(says, progress ?? {});
      if (!progress?.pages || OVER.includes(state)) return view.text ?? says[state] ?? "";
      const quotes = view.cost?.estimate ?? []; // from one worker to as many as help; the scaler takes a number between
      return this.#drawing(says, progress, quotes[quotes.length >> 1]?.seconds);
    }

    #drawing(says, { pages_done, pages, seconds_left }, estimate) {
      const seconds = seconds_left ?? (pages_done ? null : estimate);
      const all = says.pages(pages);
      const values = { pages: all, done: says.number(pages_done), time: seconds ? this.#time(says, seconds) : "" };
      if (!pages_done) return seconds ? filled(says.about, values) : all;
      return filled(seconds ? says.left : says.drawing, values);
    }

    #joining(says, { bytes_done, bytes_total }) {
      if (!bytes_total) return says.joining;
      const [done, bytes] = [bytes_done, bytes_total].map((value) => this.#size(says, value));
      return `${says.joining}: ${filled(says.joined, { done, bytes })}`;
    }

    #show(view) {
      const nodes = this.#nodes;
      const says = this.#words();
      const { state, failure, result, id } = (this.#view = view);
      const focused = this.shadowRoot.activeElement;
      const over = OVER.includes(state);
      const resting = state === "idle" || state === "cancelled";
      const busy = !over && !resting && state !== "refused";
      const text = this.#text(says, view);
      const files = state === "ready" ? (result.volumes ?? []) : [];
      this.dataset.state = state;
      this.#label(says);
      nodes.words.textContent = text;
      nodes.link.textContent = says.again;
      for (const name of ["cancel", "retry", "anew"]) nodes[name].textContent = says[name];
      nodes.reason.textContent = [failure?.message, failure?.advice].filter(Boolean).join(" ");
      nodes.files.replaceChildren(...files.map((_, index) => this.#file(says, id, index + 1)));
      if (id) nodes.link.href = this.#url(`/${id}/file`);
      if (busy && view.progress?.percent) nodes.bar.value = view.progress.percent;
      else nodes.bar.removeAttribute("value");
      nodes.start.hidden = !resting;
      nodes.words.hidden = !text;
      nodes.bar.hidden = nodes.cancel.hidden = !busy;
      nodes.link.hidden = state !== "ready" || files.length > 0;
      nodes.files.hidden = !files.length;
      nodes.reason.hidden = !nodes.reason.textContent;
      nodes.retry.hidden = state !== "failed" && state !== "refused";
      nodes.anew.hidden = !over || state === "cancelled";
      const controls = [nodes.cancel, nodes.link, nodes.retry, nodes.anew, nodes.start];
      if (focused?.closest("[hidden]")) controls.find((node) => !node.hidden)?.focus();
      const quarter = Math.floor((view.progress?.percent ?? 0) / 25); // read aloud, unlike every page
      if (state !== "looking") this.#say(`${text} ${nodes.reason.textContent}`, `${state} ${quarter}`);
    }

    #label(says) {
      const { slot, unlabelled, box, bar } = this.#nodes;
      unlabelled.textContent = says.download;
      unlabelled.hidden = slot.assignedNodes().some((node) => node.nodeType === 1 || node.data.trim());
      for (const named of [box, bar]) named.setAttribute("aria-label", this.textContent.trim() || says.download);
    }

    #file(says, id, number) {
      const item = made("li", "");
      const href = this.#url(`/${id}/file/${number}`);
      const textContent = filled(says.volume, { n: says.number(number) });
      item.append(made("a", "link", { href, download: "", textContent }));
      return item;
    }

    #say(text, step) {
      if (step !== this.#said && (this.#said || !step.startsWith("idle"))) this.#nodes.said.textContent = text;
      this.#said = step;
    }
  }

  if (!customElements.get("pdf-download")) customElements.define("pdf-download", PdfDownload);
}
