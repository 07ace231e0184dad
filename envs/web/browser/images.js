// Images that are still on their way: without them, elements have no size.
(() => {
  const own = window.__agentrl;
  const { Image: Picture, MutationObserver: Observer } = window; // before a page can have its own
  const listen = EventTarget.prototype.addEventListener;
  const images = new Map(); // by address, those that styles and SVG want: kept, or the browser may forget them
  const rules = new WeakMap(); // of a style sheet: selector and addresses, for each rule that wants any

  const absolute = (url, base) => (url && URL.canParse(url, base) ? [new URL(url, base).href] : []);
  const addresses = (text, base) =>
    [...text.matchAll(/url\("([^"#][^"]*)"\)/g)].flatMap(([, url]) => absolute(url, base)); // #… is in the document
  // A selector without states and parts, which elements come to have later.
  const simple = (selector) => {
    const rest = selector.replace(/::?[\w-]+(\([^)]*\))?/g, "");
    try {
      document.querySelector(rest);
      return rest;
    } catch {
      return "*";
    }
  };
  const wanting = (list, base) =>
    [...list].flatMap((rule) => {
      const urls = rule.selectorText ? addresses(rule.cssText, base) : [];
      const found = urls.length ? [[simple(rule.selectorText), urls]] : [];
      return [...found, ...wanting(rule.cssRules ?? rule.styleSheet?.cssRules ?? [], rule.styleSheet?.href ?? base)];
    });
  const rulesOf = (sheet) => {
    if (!rules.has(sheet)) {
      try {
        rules.set(sheet, wanting(sheet.cssRules, sheet.href ?? document.baseURI));
      } catch {
        rules.set(sheet, []); // its rules are not for this origin
      }
    }
    return rules.get(sheet);
  };
  function* wanted() {
    for (const sheet of document.styleSheets) {
      for (const [selector, urls] of rulesOf(sheet)) {
        if (urls.some((url) => !images.has(url)) && document.querySelector(selector)) yield* urls;
      }
    }
    for (const e of document.querySelectorAll('[style*="url("]')) yield* addresses(e.style.cssText, document.baseURI);
    for (const e of document.querySelectorAll("svg image")) yield* absolute(e.href.baseVal, document.baseURI);
  }

  // Those that are wanted and have neither come nor failed.
  const coming = () => {
    for (const url of wanted()) {
      if (images.has(url)) continue;
      images.set(url, new Picture());
      images.get(url).src = url;
    }
    const all = [...images.values(), ...[...document.images].filter((image) => image.loading !== "lazy")];
    return all.filter((image) => !image.complete);
  };
  const arrived = (image) =>
    new Promise((resolve) => {
      for (const type of ["load", "error"]) listen.call(image, type, resolve, { once: true });
      new Observer(resolve).observe(image, { attributeFilter: ["src"] }); // without one, none will arrive
    });

  own.imagesComing = () => coming().map(arrived);
})();
