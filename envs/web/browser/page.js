// What an agent sees of a document, and where it can point: `window.__agentrl`, there before the page's own scripts.
(() => {
  const own = window.__agentrl;
  const { clock } = own;
  const CLICKS = new Set(["click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "mouseover", "mouseenter"]);
  const FRAME_MS = 2000;
  const listening = new WeakSet();
  let ids = new WeakMap();
  const byId = new Map();
  let frames = 0;
  let count = 0;
  let requests = 0;
  let idle = [];
  let leaving = false;
  let opening = false;
  let blocked = [];
  let beginning = null;

  // -- what happens --------------------------------------------------------------------------------------------------

  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...rest) {
    if (CLICKS.has(type) && this instanceof Element) listening.add(this);
    return listen.call(this, type, ...rest);
  };
  const begun = () => void requests++;
  const ended = () => {
    if (--requests === 0) for (const resolve of idle.splice(0)) resolve();
  };
  const fetched = window.fetch;
  window.fetch = (...args) => {
    begun();
    const answer = fetched.apply(window, args);
    answer.then((response) => response.clone().arrayBuffer()).then(ended, ended); // answered is what has been read
    return answer;
  };
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (...args) {
    begun();
    listen.call(this, "loadend", ended, { once: true });
    return send.apply(this, args);
  };
  window.navigation?.addEventListener("navigate", (event) => {
    if (event.destination.sameDocument || event.downloadRequest !== null) return;
    const target = new URL(event.destination.url);
    if (target.origin === location.origin || target.protocol === "about:") leaving = true;
    else if (event.cancelable) {
      event.preventDefault();
      blocked.push(event.destination.url);
    }
  });
  listen.call(window, "click", (event) => {
    if (event.target.closest?.("a[href][target=_blank]") && !event.defaultPrevented) opening = true;
  });
  const open = window.open;
  window.open = (...args) => {
    const opened = open.apply(window, args);
    if (opened && [undefined, "", "_blank"].includes(args[1])) opening = true;
    return opened;
  };
  const inner = (frame) => {
    try {
      return frame.contentWindow?.__agentrl;
    } catch {
      return undefined; // of another origin
    }
  };
  const left = () => {
    const was = leaving;
    leaving = false;
    return was;
  };
  const advance = async (ms) => {
    await clock.sleep(0);
    await clock.advance(ms);
    for (const frame of document.querySelectorAll("iframe, frame")) {
      const loaded = new Promise((resolve) => listen.call(frame, "load", resolve, { once: true }));
      await Promise.race([inner(frame)?.advance(ms), loaded]);
      const coming = inner(frame)?.left() || ["loading", "interactive"].includes(frame.contentDocument?.readyState);
      if (coming) await Promise.race([loaded, clock.sleep(FRAME_MS)]); // a download would never load
    }
    for (let images; ((images = own.imagesComing()).length || requests) && !leaving; ) {
      await (requests ? new Promise((resolve) => idle.push(resolve)) : Promise.all(images));
      await clock.sleep(0); // in which the page takes the answer, and perhaps asks for more
      await clock.advance(0);
    }
  };

  // -- ids -----------------------------------------------------------------------------------------------------------

  const letters = (number) => (number >= 26 ? letters(Math.floor(number / 26) - 1) : "") + String.fromCharCode(97 + (number % 26));
  const prefix = () => (own.prefix ??= window === top ? letters(own.frame()) : letters(top.__agentrl.frame()));
  own.frame = () => frames++;
  const idOf = (element) => {
    if (!ids.has(element)) {
      const id = prefix() + ++count;
      ids.set(element, id);
      top.__agentrl.byId.set(id, new WeakRef(element));
    }
    return ids.get(element);
  };
  const element = (id) => {
    const found = byId.get(id)?.deref();
    return found?.isConnected && found.ownerDocument.defaultView ? found : null;
  };

  // -- roles, names and states ---------------------------------------------------------------------------------------

  const SKIPPED = "script, style, noscript, template, head, link, meta, base, br, wbr, defs, marker";
  const SHAPES = "circle, ellipse, line, path, polygon, polyline, rect, text, image";
  const ROLES = {
    A: "link", ARTICLE: "article", ASIDE: "complementary", BUTTON: "button", CANVAS: "canvas", DIALOG: "dialog",
    FIELDSET: "group", FOOTER: "contentinfo", FORM: "form", H1: "heading", H2: "heading", H3: "heading", H4: "heading",
    H5: "heading", H6: "heading", HEADER: "banner", HR: "separator", IFRAME: "iframe", FRAME: "iframe", IMG: "image",
    LI: "listitem", MAIN: "main", METER: "meter", NAV: "navigation", OL: "list", P: "paragraph", PROGRESS: "progressbar",
    SECTION: "region", SELECT: "combobox", SUMMARY: "button", SVG: "graphic", TABLE: "table", TD: "cell",
    TEXTAREA: "textbox", TH: "columnheader", TR: "row", UL: "list",
  };
  const INPUTS = {
    button: "button", checkbox: "checkbox", color: "color", file: "file", image: "button", number: "spinbutton",
    radio: "radio", range: "slider", reset: "button", search: "searchbox", submit: "button",
  };
  const clean = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const quote = (text) => JSON.stringify(text.length > 400 ? text.slice(0, 400) + "…" : text);
  const roleOf = (e) => {
    const given = clean(e.getAttribute("role")).split(" ")[0];
    if (given && given !== "presentation" && given !== "none") return given;
    if (e.matches(SHAPES) && e instanceof SVGElement) return e.localName;
    if (e.localName === "input") return INPUTS[e.type] ?? "textbox";
    if (e.localName === "a" && !e.hasAttribute("href")) return "";
    if (e.localName === "select" && (e.multiple || e.size > 1)) return "listbox";
    if (e.isContentEditable && !e.parentElement?.isContentEditable) return "textbox";
    return ROLES[e.tagName.toUpperCase()] ?? "";
  };
  const nameOf = (e) => {
    const by = e.getAttribute("aria-labelledby");
    if (by) return clean(by.split(/\s+/).map((id) => e.ownerDocument.getElementById(id)?.textContent).join(" "));
    const said = e.getAttribute("aria-label") || e.getAttribute("alt");
    if (said) return clean(said);
    if (e.labels?.length) return clean([...e.labels].map((label) => label.innerText).join(" "));
    if (e.localName === "input" && ["button", "submit", "reset"].includes(e.type)) return clean(e.value || e.type);
    return clean(e.getAttribute("placeholder") || e.getAttribute("title"));
  };
  const statesOf = (e, role) => {
    const states = [];
    if (e.localName === "select") {
      states.push(`selected=${quote([...e.selectedOptions].map((o) => clean(o.label)).join(", "))}`);
      states.push(`options=[${[...e.options].map((o) => quote(clean(o.label))).join(", ")}]`);
    } else if (["textbox", "searchbox", "spinbutton", "slider", "color"].includes(role) && "value" in e) {
      if (e.value) states.push(`value=${quote(e.type === "password" ? "•".repeat(e.value.length) : e.value)}`);
    }
    if (e.checked || e.getAttribute("aria-checked") === "true") states.push("checked");
    if (e.matches(":disabled") || e.getAttribute("aria-disabled") === "true") states.push("disabled");
    if (e.readOnly) states.push("readonly");
    for (const name of ["expanded", "selected", "pressed"]) {
      const value = e.getAttribute(`aria-${name}`);
      if (value === "true") states.push(name);
      else if (value === "false" && name === "expanded") states.push("collapsed");
    }
    if (role === "slider" && e.hasAttribute("aria-valuenow")) states.push(`value="${e.getAttribute("aria-valuenow")}"`);
    if (e.ownerDocument.activeElement === e && e !== e.ownerDocument.body) states.push("focused");
    return states;
  };
  const whereOf = (e) => {
    const box = e.getBoundingClientRect();
    const [x, y] = offset(e);
    const [left, top_, width, height] = [x + box.left, y + box.top, box.width, box.height].map(Math.round);
    return `at (${left + Math.round(width / 2)}, ${top_ + Math.round(height / 2)}) size ${width}x${height}`;
  };
  const offset = (e) => {
    let [x, y] = [0, 0];
    for (let frame = e.ownerDocument.defaultView?.frameElement; frame; frame = frame.ownerDocument.defaultView.frameElement) {
      const box = frame.getBoundingClientRect();
      [x, y] = [x + box.left + frame.clientLeft, y + box.top + frame.clientTop];
    }
    return [x, y];
  };

  // -- the tree ------------------------------------------------------------------------------------------------------

  const tree = (root, options) => {
    // A line is depth, id, text, and whether it goes on where it stands; one without an id is plain words.
    const children = (parent, depth, within) => {
      const lines = [];
      for (const node of (parent.shadowRoot ?? parent).childNodes) {
        if (node.nodeType === Node.TEXT_NODE) {
          if (clean(node.data)) add(lines, [[depth, null, clean(node.data), true]]);
        } else if (node.localName === "slot") {
          for (const assigned of node.assignedElements()) add(lines, describe(assigned, depth, within));
        } else if (node instanceof Element) add(lines, describe(node, depth, within));
      }
      return lines;
    };
    const add = (lines, more) => {
      const last = lines.at(-1);
      if (last?.[3] && more[0]?.[3]) [last[2], more] = [`${last[2]} ${more[0][2]}`, more.slice(1)]; // one line of words
      lines.push(...more);
    };
    const describe = (e, depth, within) => {
      if (e.matches(SKIPPED) || (options.skip && e.matches(options.skip)) || e.getAttribute("aria-hidden") === "true") return [];
      if (!e.checkVisibility({ visibilityProperty: true }) && getComputedStyle(e).display !== "contents") return [];
      if (e.localName === "iframe" || e.localName === "frame") {
        const body = inner(e) && e.contentDocument?.body;
        const head = [depth, idOf(e), `iframe ${quote(nameOf(e))}`];
        return body ? [head, ...inner(e).tree(body, options).map(([d, ...rest]) => [d + depth + 1, ...rest])] : [head];
      }
      const role = roleOf(e);
      const clickable = listening.has(e) || e.onclick !== null || e.onmousedown !== null || e.getAttribute("draggable") === "true";
      const active = clickable && !["BODY", "HTML"].includes(e.tagName);
      const leaf = ["SELECT", "TEXTAREA"].includes(e.tagName);
      const plain = !role && !active;
      const below = leaf ? [] : children(e, plain ? depth : depth + 1, within || (active && !role));
      const wordy = below.length > 0 && below.every(([, id]) => id === null);
      if (e.localName === "label" && e.control && plain) return below.filter(([, id]) => id !== null); // it names that
      if (plain && !(within && wordy)) {
        const inline = getComputedStyle(e).display.startsWith("inline");
        return inline ? below : below.map(([d, id, words]) => [d, id, words, false]);
      }
      const said = nameOf(e);
      const name = said || (wordy ? below.map(([, , words]) => words).join(" ") : "");
      const states = statesOf(e, role);
      if (active && !["button", "link", "checkbox", "radio", "textbox"].includes(role)) states.push("clickable");
      const shape = e instanceof SVGElement && e.matches(SHAPES);
      if (shape) states.push(`fill=${quote(e.getAttribute("fill") ?? getComputedStyle(e).fill)}`);
      if (!role && !below.length && !name) {
        const colour = getComputedStyle(e).backgroundColor;
        if (e.classList.length) states.push(`class=${quote([...e.classList].join(" "))}`);
        if (!colour.endsWith(", 0)")) states.push(`colour=${quote(colour)}`);
      }
      if (shape || options.boxes) states.push(whereOf(e));
      const line = [role || (active ? "generic" : "text"), name && quote(name), ...states].filter(Boolean).join(" ");
      const rest = wordy && !(said && role !== "textbox" && clean(e.textContent) !== said) ? [] : below;
      return [[depth, idOf(e), line], ...rest];
    };
    return describe(root, 0, false);
  };
  const written = (lines) =>
    lines.map(([depth, id, text]) => "  ".repeat(depth) + (id ? `[${id}] ${text}` : `text ${quote(text)}`)).join("\n");
  const focus = () => {
    let e = document.activeElement;
    for (let deeper = e; deeper; deeper = e.shadowRoot?.activeElement ?? inner(e)?.active()) e = deeper;
    return e && e !== e.ownerDocument.body ? idOf(e) : "";
  };

  // Let `ms` milliseconds of the page's time pass, wait for its requests, and tell what there is to be seen. `begin` and
  // `read` are expressions of the task's, before and after; `skip` is a selector of what the agent shall not see, `boxes`
  // asks for places and sizes.
  const look = async (options) => {
    if (options.begin) beginning = (0, eval)(options.begin);
    await advance(options.ms);
    if (leaving || opening || !document.body) {
      const seen = { leaving: !opening, opening };
      leaving = opening = false; // it may stay, if what comes is no document but a download
      return seen;
    }
    const seen = written(tree(document.body, options));
    const read = options.read ? (0, eval)(options.read) : null;
    return { begun: beginning, read, tree: seen, focus: focus(), url: location.href, title: document.title, blocked: blocked.splice(0) };
  };

  // As if the document had just been loaded: its time, ids, scrolling and focus, and what it stored. Returns whether it
  // could: not while it waits for something, nor with frames in it.
  const restart = () => {
    document.activeElement?.blur();
    if (requests || leaving || opening || frames > 1 || !clock.restart()) return false;
    for (const e of document.querySelectorAll("*")) {
      if (e.scrollTop || e.scrollLeft) e.scrollTo({ left: 0, top: 0, behavior: "instant" });
    }
    byId.clear();
    [ids, count] = [new WeakMap(), 0];
    own.forget();
    return true;
  };

  Object.assign(own, { advance, restart, byId, element, idOf, known: (e) => ids.get(e) ?? "", left, look, offset, tree, active: () => document.activeElement });
})();
