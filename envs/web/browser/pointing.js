// Where elements are, for the mouse and for the eye, and the digest of all that a page remembers.
(() => {
  const own = window.__agentrl;
  const { element, idOf, offset } = own;

  const hit = (target, x, y) => {
    let found = target.ownerDocument.elementFromPoint(x, y);
    while (found?.shadowRoot) {
      const deeper = found.shadowRoot.elementFromPoint(x, y);
      if (!deeper || deeper === found) break;
      found = deeper;
    }
    return found;
  };
  const belongs = (target, found) => {
    for (let e = found; e; e = e.parentElement ?? e.getRootNode().host) if (e === target) return true;
    return found?.closest("label")?.control === target;
  };
  function* points(target) {
    for (const box of target.getClientRects()) {
      for (const v of [0.5, 0.3, 0.7, 0.1, 0.9]) {
        for (const u of [0.5, 0.3, 0.7, 0.1, 0.9]) yield [box.left + u * box.width, box.top + v * box.height];
      }
    }
  }
  const reach = (target) => {
    for (const [x, y] of points(target)) if (belongs(target, hit(target, x, y))) return [x, y];
    return null;
  };

  // A point of the viewport at which an element can be hit, after scrolling to it where need be; or an error.
  const locate = (id) => {
    const target = element(id);
    if (!target) return { error: `there is no element ${id}` };
    if (!target.checkVisibility({ visibilityProperty: true })) return { error: `element ${id} is not visible` };
    let at = reach(target);
    if (!at) {
      target.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      at = reach(target);
    }
    if (!at) {
      const [first] = points(target);
      const over = first && hit(target, ...first);
      return { error: `element ${id} ${over ? `is covered by ${idOf(over)}` : "cannot be brought into view"}` };
    }
    const [x, y] = offset(target);
    return { x: x + at[0], y: y + at[1] };
  };

  const FILLED = "input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=reset], [type=file]), textarea";

  // Why an element cannot be used as a form's field now, or null.
  const unusable = (id, filled) => {
    const target = element(id);
    if (!target) return `there is no element ${id}`;
    if (!target.checkVisibility({ visibilityProperty: true })) return `element ${id} is not visible`;
    if (target.matches(":disabled")) return `element ${id} is disabled`;
    if (!filled) return null;
    if (!target.matches(FILLED) && !target.isContentEditable) return `element ${id} takes no text`;
    return target.readOnly ? `element ${id} is read-only` : null;
  };

  // Choose options of a select by value or label; returns what is wrong, or null.
  const choose = (id, wanted) => {
    const target = element(id);
    const wrong = unusable(id, false);
    if (wrong) return wrong;
    if (target.localName !== "select") return `element ${id} has no options`;
    if (wanted.length !== 1 && !target.multiple) return `element ${id} takes one option`;
    const labels = [...target.options].map((o) => o.label.replace(/\s+/g, " ").trim());
    const chosen = wanted.map((text) => [...target.options].findIndex((o, i) => o.value === text || labels[i] === text));
    if (chosen.includes(-1)) return `element ${id} has no option ${JSON.stringify(wanted[chosen.indexOf(-1)])}`;
    target.focus();
    [...target.options].forEach((o, i) => (o.selected = chosen.includes(i)));
    for (const type of ["input", "change"]) target.dispatchEvent(new Event(type, { bubbles: true }));
    return null;
  };

  const COLOURS = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000"];
  // Frame every element that has an id and is in view, and write the id beside it; `on: false` takes all that away.
  const marks = (on) => {
    document.getElementById("agentrl-marks")?.remove();
    if (!on) return;
    const layer = document.createElement("div");
    layer.id = "agentrl-marks";
    layer.style = "position:fixed;inset:0;z-index:2147483647;pointer-events:none";
    let number = 0;
    for (const [id] of own.byId) {
      const target = element(id);
      if (!target?.checkVisibility({ visibilityProperty: true })) continue;
      const box = target.getBoundingClientRect();
      const [x, y] = offset(target);
      if (!box.width || !box.height || !reach(target)) continue;
      const colour = COLOURS[number++ % COLOURS.length];
      const frame = layer.appendChild(document.createElement("div"));
      frame.style = `position:absolute;box-sizing:border-box;border:1px solid ${colour};left:${x + box.left}px;top:${y + box.top}px;width:${box.width}px;height:${box.height}px`;
      const label = frame.appendChild(document.createElement("span"));
      label.textContent = id;
      label.style = `position:absolute;left:0;top:0;font:8px/9px sans-serif;color:white;padding:0 1px;background:${colour}`;
    }
    document.body.append(layer);
  };

  const hash = (text) => {
    let [a, b] = [0xdeadbeef, 0x41c6ce57]; // cyrb53
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      [a, b] = [Math.imul(a ^ c, 2654435761), Math.imul(b ^ c, 1597334677)];
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return (2097152 * (b >>> 0) + (a >>> 11)).toString(36);
  };
  const memory = () => {
    const parts = [location.href, document.cookie, own.clock.now(), document.documentElement.outerHTML];
    const stores = location.origin === "null" ? [] : [localStorage, sessionStorage]; // about:blank has none
    for (const store of stores) parts.push(JSON.stringify(Object.entries(store).sort()));
    for (const e of document.querySelectorAll("*")) {
      if ("value" in e || "checked" in e) parts.push([e.value, e.checked, e.selectedIndex, e.selectionStart].join());
      if (e.scrollTop || e.scrollLeft) parts.push([e.scrollTop, e.scrollLeft].join());
      if (e === document.activeElement) parts.push(own.known(e));
      if (e.localName === "iframe") parts.push(e.contentWindow?.__agentrl?.memory() ?? "");
    }
    return parts.join("\x1f");
  };

  // Leave nothing behind for the next episode in this tab.
  const forget = () => {
    if (location.origin !== "null") for (const store of [localStorage, sessionStorage]) store.clear();
  };

  Object.assign(own, { choose, forget, locate, marks, memory, unusable, digest: () => hash(memory()) });
})();
