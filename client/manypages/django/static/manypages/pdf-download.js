// <pdf-download src="/orders/pdf" name="orders">Download PDF</pdf-download>
//
// A button that asks the page's own host for a PDF, shows how far it is, and starts the download when it is ready.
// The host's routes: POST src, GET src/ID, GET src/ID/file, DELETE src/ID, POST src/ID/retry; see client/README.md.
// It uses no inline style or script and no HTML from text, so the strictest content security policy allows it.
{
  const WORDS = {
    en: {
      download: "Download PDF", cancel: "Cancel", retry: "Try again", again: "Download again", anew: "Make a new one",
      starting: "Starting", queued: "Waiting to start", planning: "Counting the pages", cancelled: "Cancelled",
      pages: { one: "{n} page", other: "{n} pages" }, about: "{pages}, about {time}", joined: "{done} of {bytes}",
      left: "{done} of {pages}, about {time} left", drawing: "{done} of {pages}", joining: "Putting the file together",
      ready: "Ready: {pages}, {bytes}", volume: "Part {n}", failed: "The PDF could not be made.",
      offline: "No connection. Trying again", gone: "The PDF is no longer there.", signedOut: "Please sign in again.",
    },
    de: {
      download: "PDF herunterladen", cancel: "Abbrechen", retry: "Erneut versuchen", again: "Erneut herunterladen",
      anew: "Neu erstellen", starting: "Wird gestartet", queued: "Wartet auf den Beginn",
      planning: "Seiten werden gezählt", cancelled: "Abgebrochen", pages: { one: "{n} Seite", other: "{n} Seiten" },
      about: "{pages}, etwa {time}", joined: "{done} von {bytes}", left: "{done} von {pages}, noch etwa {time}",
      drawing: "{done} von {pages}", joining: "Datei wird zusammengefügt", ready: "Fertig: {pages}, {bytes}",
      volume: "Teil {n}", failed: "Das PDF konnte nicht erstellt werden.", gone: "Das PDF ist nicht mehr vorhanden.",
      offline: "Keine Verbindung. Neuer Versuch", signedOut: "Bitte melden Sie sich erneut an.",
    },
    fr: {
      download: "Télécharger le PDF", cancel: "Annuler", retry: "Réessayer", again: "Télécharger à nouveau",
      anew: "En créer un nouveau", starting: "Démarrage", queued: "En attente", planning: "Décompte des pages",
      cancelled: "Annulé", pages: { one: "{n} page", other: "{n} pages" }, about: "{pages}, environ {time}",
      left: "{done} sur {pages}, encore environ {time}", drawing: "{done} sur {pages}", joined: "{done} sur {bytes}",
      joining: "Assemblage du fichier", ready: "Prêt : {pages}, {bytes}", volume: "Partie {n}",
      failed: "Le PDF n’a pas pu être créé.", offline: "Pas de connexion. Nouvel essai",
      gone: "Le PDF n’est plus disponible.", signedOut: "Veuillez vous reconnecter.",
    },
    es: {
      download: "Descargar PDF", cancel: "Cancelar", retry: "Reintentar", again: "Descargar de nuevo",
      anew: "Crear otro", starting: "Iniciando", queued: "En espera", planning: "Contando las páginas",
      cancelled: "Cancelado", pages: { one: "{n} página", other: "{n} páginas" }, about: "{pages}, aprox. {time}",
      left: "{done} de {pages}, quedan aprox. {time}", drawing: "{done} de {pages}", joined: "{done} de {bytes}",
      joining: "Uniendo el archivo", ready: "Listo: {pages}, {bytes}", volume: "Parte {n}",
      failed: "No se pudo crear el PDF.", offline: "Sin conexión. Nuevo intento",
      gone: "El PDF ya no está disponible.", signedOut: "Inicie sesión de nuevo.",
    },
    ko: {
      download: "PDF 다운로드", cancel: "취소", retry: "다시 시도", again: "다시 다운로드", anew: "새로 만들기",
      starting: "시작하는 중", queued: "시작 대기 중", planning: "페이지를 세는 중", cancelled: "취소됨",
      pages: { other: "{n}페이지" }, about: "{pages}, 약 {time}", left: "{pages} 중 {done}, 약 {time} 남음",
      drawing: "{pages} 중 {done}", joined: "{bytes} 중 {done}", joining: "파일을 합치는 중",
      ready: "완료: {pages}, {bytes}", volume: "{n}부", failed: "PDF를 만들지 못했습니다.",
      offline: "연결이 끊겼습니다. 다시 시도하는 중", gone: "PDF가 더 이상 없습니다.", signedOut: "다시 로그인하세요.",
    },
    ja: {
      download: "PDFをダウンロード", cancel: "キャンセル", retry: "再試行", again: "もう一度ダウンロード",
      anew: "新しく作成", starting: "開始しています", queued: "開始を待っています", planning: "ページを数えています",
      cancelled: "キャンセルしました", pages: { other: "{n}ページ" }, about: "{pages}、約{time}",
      left: "{pages}中{done}、残り約{time}", drawing: "{pages}中{done}", joined: "{bytes}中{done}",
      joining: "ファイルを結合しています", ready: "完了：{pages}、{bytes}", volume: "第{n}部",
      failed: "PDFを作成できませんでした。", offline: "接続がありません。再試行しています",
      gone: "PDFはもうありません。", signedOut: "もう一度ログインしてください。",
    },
  };
  const OVER = ["ready", "failed", "cancelled", "expired"];
  const [SOON, LATER, LONGEST] = [1000, 5000, 30000]; // ms between two looks, while something changes, while not, and after failures
  const PATIENCE = { GET: 20000, POST: 120000, DELETE: 30000 }; // ms until a request without an answer is given up
  const REMEMBERED = 3600000; // ms for which a press without an answer is sent again when the page is opened again
  const GONE = [403, 404, 410]; // statuses
  const LISTENED = [[window, "online"], [window, "storage"], [document, "visibilitychange"]];

  const STYLE = new CSSStyleSheet();
  STYLE.replaceSync(`
    :host { display: inline-block; max-inline-size: 100%; vertical-align: top; line-height: 1.4; }
    :host([hidden]), [hidden] { display: none !important; }
    [part=box] { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5em 0.75em; overflow-wrap: anywhere; }
    [part=words] { flex: 1 1 auto; user-select: none; font-variant-numeric: tabular-nums; }
    [part=progress], [part=reason], [part=files] { flex: 1 1 100%; }
    [part=reason], [part=files] { margin: 0; padding: 0; list-style: none; }
    [part=reason] { border-inline-start: 3px solid var(--pdf-download-error, #c62828); padding-inline-start: 0.75em; }
    a { color: inherit; }
    button { font: inherit; min-block-size: 2.75em; padding: 0.4em 1em; cursor: pointer;
      border-radius: var(--pdf-download-radius, 0.4em); border: 1px solid currentColor; background: none; color: inherit; }
    [part=button] { background: var(--pdf-download-accent, #0b57d0); color: var(--pdf-download-on-accent, #fff);
      border-color: transparent; }
    button:focus-visible, a:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
    [part=button]:focus-visible { outline-color: var(--pdf-download-accent, #0b57d0); box-shadow: 0 0 0 2px #fff; }
    progress { appearance: none; border: 1px solid currentColor; border-radius: 1em; block-size: 0.75em;
      inline-size: 100%; min-inline-size: min(18em, 100%); overflow: hidden; background: none; color: inherit; }
    progress::-webkit-progress-bar { background: none; }
    progress::-webkit-progress-value { background: var(--pdf-download-bar, currentColor); transition: inline-size 0.4s; }
    progress::-moz-progress-bar { background: var(--pdf-download-bar, currentColor); }
    progress:indeterminate { background: repeating-linear-gradient(-45deg, transparent 0 0.6em,
      color-mix(in srgb, currentColor 30%, transparent) 0.6em 1.2em); }
    progress:indeterminate::-moz-progress-bar { background: none; }
    .said { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    @media (prefers-reduced-motion: reduce) { progress::-webkit-progress-value { transition: none; } }
  `);

  const made = (tag, part, more = {}) => {
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
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  class PdfDownload extends HTMLElement {
    static observedAttributes = ["src", "name", "lang"];
    #nodes = {};
    #view = { state: "idle" };
    #run = new AbortController(); // what is under way: aborted when something else begins or the element is removed
    #wake = () => {};
    #said = "";
    #memory = null; // in place of localStorage, where the browser refuses it

    constructor() {
      super();
      const button = (part, act) => {
        const node = made("button", part, { type: "button" });
        node.addEventListener("click", (event) => event.detail > 1 || act()); // the second of a double click does nothing
        return node;
      };
      const nodes = {
        start: button("button", () => this.#begin(() => this.#ask(random()))), words: made("span", "words"),
        link: made("a", "link", { download: "" }), cancel: button("cancel", () => this.#begin(() => this.#cancel())),
        bar: made("progress", "progress", { max: 100 }), reason: made("p", "reason"), files: made("ul", "files"),
        retry: button("retry", () => this.#begin(() => this.#retry())),
        anew: button("anew", () => this.#begin(() => this.#ask(random()))),
      };
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
      this.#nodes = { ...nodes, box, said, label: made("slot") };
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
      const kept = this.#kept();
      if (key === this.#slot() && !kept?.key && kept?.id !== this.#view.id) this.#begin(() => this.#resume()); // another tab
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
      this.#keep(null); // it was removed, or belongs to the user who was signed in before
      this.#show({ state: "idle" });
    }

    async #ask(key) {
      this.#keep({ key, at: Date.now() });
      this.#show({ state: "starting" });
      const view = read(await this.#send("POST", "", { body: { key } }));
      this.#keep({ id: view.id });
      await this.#follow(view);
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
      this.#fetch(view);
    }

    async #cancel() {
      const { id } = this.#view;
      this.#keep(null);
      const answer = id && (await this.#send("DELETE", `/${id}`));
      this.#show(answer?.told?.id ? read(answer) : { state: "cancelled" }); // it may have become ready just before
    }

    async #retry() {
      const { id, state } = this.#view;
      if (state !== "failed") return this.#kept() ? this.#resume() : this.#ask(random());
      this.#show({ state: "starting", id });
      const answer = await this.#send("POST", `/${id}/retry`);
      return [404, 405, 409, 410].includes(answer.status) ? this.#ask(random()) : this.#follow(read(answer));
    }

    async #fetchAgain() {
      const view = read(await this.#send("GET", `/${this.#view.id}`)); // if it was removed, this says so, not the browser
      this.#show(view);
      if (view.state === "ready") this.#fetch(view);
    }

    #fetch({ id }) {
      made("a", "", { href: this.#url(`/${id}/file`), download: "" }).click();
    }

    #refuse({ status, told }) {
      const [away, gone] = [status === 0 || status === 401, GONE.includes(status) && this.#view.id];
      if (gone || (status < 500 && !away && !this.#kept()?.id)) this.#keep(null); // the same request would be refused again
      const says = this.#words();
      const text = away ? says.signedOut : gone ? says.gone : says.failed;
      const message = told?.detail ?? (away || gone ? "" : `HTTP ${status}`);
      this.#show({ state: "refused", text, failure: { message: away || gone ? "" : message, advice: told?.advice } });
    }

    // requests and memory

    async #send(method, path = "", { body, etag } = {}) {
      const { signal } = this.#run;
      const url = this.#url(path);
      for (let tries = 0; ; tries += 1) {
        const answer = await this.#try(method, url, body, etag, signal).catch(() => null); // null: the connection broke
        signal.throwIfAborted();
        const passing = !answer || answer.status >= 502 || (method === "GET" && (answer.status === 429 || answer.status === 500));
        if (!passing) return answer;
        this.#say(this.#words().offline, "offline");
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
      const response = await fetch(url, asked); // a redirect, such as to a page for signing in, has the status 0
      const json = response.status !== 304 && /[/+]json/.test(response.headers.get("Content-Type"));
      const later = Math.min(300, Number(response.headers.get("Retry-After")) || 0) * 1000;
      return { status: response.status, etag: response.headers.get("ETag"), later, told: json ? await response.json() : null };
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
        value ? localStorage.setItem(this.#slot(), JSON.stringify(value)) : localStorage.removeItem(this.#slot());
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
      if (state === "ready") return filled(says.ready, { pages: says.pages(result.pages), bytes: this.#size(says, result.bytes) });
      if (state === "assembling") return this.#joining(says, progress ?? {});
      if (!progress?.pages || OVER.includes(state)) return view.text ?? says[state] ?? "";
      return this.#drawing(says, progress, view.cost?.estimate?.[0]?.seconds);
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
      const label = this.textContent.trim() || says.download;
      const files = state === "ready" ? (result.volumes ?? []) : [];
      this.dataset.state = state;
      nodes.start.replaceChildren(this.childElementCount || this.textContent.trim() ? nodes.label : label);
      nodes.box.setAttribute("aria-label", label);
      nodes.bar.setAttribute("aria-label", label);
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
      if (focused?.closest("[hidden]")) [nodes.cancel, nodes.link, nodes.retry, nodes.anew, nodes.start].find((node) => !node.hidden)?.focus();
      this.#say([text, nodes.reason.textContent].join(" "), `${state} ${Math.floor((view.progress?.percent ?? 0) / 25)}`);
    }

    #file(says, id, number) {
      const item = made("li", "");
      const href = this.#url(`/${id}/file/${number}`);
      item.append(made("a", "link", { href, download: "", textContent: filled(says.volume, { n: says.number(number) }) }));
      return item;
    }

    // Read aloud once for each step and quarter, not with every page.
    #say(text, step) {
      if (step === "offline") this.#nodes.words.textContent = text;
      this.#nodes.words.hidden &&= !text;
      if (step !== this.#said && !(step.startsWith("idle") && !this.#said)) this.#nodes.said.textContent = text;
      this.#said = step;
    }
  }

  if (!customElements.get("pdf-download")) customElements.define("pdf-download", PdfDownload);
}
