// Time that stands still between actions: pages move when the agent does, by as much, on every machine.
// It replaces timers, Date and unseeded randomness of a document, before any of its own scripts runs.
(() => {
  const EPOCH = Date.UTC(2020, 0, 1, 12);
  const Real = Date;
  const later = window.setTimeout.bind(window);
  const frame = window.requestAnimationFrame.bind(window);
  const timers = new Map();
  let now = 0;
  let serial = 0;

  const start = (callback, delay, args, every) => {
    const wait = Math.max(every ? 4 : 0, Number(delay) || 0);
    timers.set(++serial, { at: now + wait, callback, args, every: every ? wait : 0 });
    return serial;
  };
  const stop = (id) => void timers.delete(id);
  window.setTimeout = (callback, delay, ...args) => start(callback, delay, args, false);
  window.setInterval = (callback, delay, ...args) => start(callback, delay, args, true);
  window.requestAnimationFrame = (callback) => start(() => callback(now), 16, [], false);
  window.clearTimeout = window.clearInterval = window.cancelAnimationFrame = stop;
  performance.now = () => now;
  window.Date = new Proxy(Real, {
    construct: (target, args, self) =>
      Reflect.construct(target, args.length ? args : [EPOCH + now], self === window.Date ? target : self),
    apply: () => new Real(EPOCH + now).toString(),
    get: (target, key) => (key === "now" ? () => EPOCH + now : target[key]),
  });
  let random = 1; // mulberry32
  Math.random = () => {
    random = (random + 0x6d2b79f5) | 0;
    let t = Math.imul(random ^ (random >>> 15), 1 | random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  const next = (end) => {
    let found;
    for (const [id, timer] of timers) {
      if (timer.at <= end && (!found || timer.at < found[1].at)) found = [id, timer];
    }
    return found;
  };
  const advance = async (ms) => {
    const end = now + ms;
    for (let due; (due = next(end)); ) {
      const [id, timer] = due;
      now = Math.max(now, timer.at);
      if (timer.every) timer.at = now + timer.every;
      else timers.delete(id);
      try {
        if (typeof timer.callback === "function") timer.callback.apply(window, timer.args);
        else (0, eval)(String(timer.callback));
      } catch (error) {
        reportError(error);
      }
      await null; // what the callback promised comes before the next timer
    }
    now = end;
  };
  // Real time: what the browser itself has scheduled, such as the submission of a form, comes before a sleep of 0.
  const sleep = (ms) => new Promise((resolve) => later(resolve, ms));
  // Two frames of the screen: what the browser does smoothly, such as scrolling, has been done.
  const painted = () => new Promise((resolve) => frame(() => frame(() => resolve(null))));
  // Only where no timer runs: to stop one behind the back of what it belongs to would break that.
  const restart = () => {
    if (timers.size) return false;
    [now, serial, random] = [0, 0, 1];
    return true;
  };
  const hidden = { clock: { advance, restart, sleep, now: () => now }, painted };
  Object.defineProperty(window, "__agentrl", { value: hidden });
})();
