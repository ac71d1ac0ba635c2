// Put into every page that is measured: first rows, shifts, long tasks, frames, and how old what is painted is.
(() => {
  const seen = { rows: 0, shift: 0, longest: 0, tasks: 0, frames: 0, ages: [] };
  window.probe = seen;
  const rows = () => {
    const cell = document.querySelector("[data-row] .num, .market .price");
    if (cell && /\d/.test(cell.textContent)) seen.rows = performance.now();
    else requestAnimationFrame(rows);
  };
  requestAnimationFrame(rows);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      seen.tasks++;
      seen.longest = Math.max(seen.longest, entry.duration);
    }
  }).observe({ type: "longtask", buffered: true });
  const frame = () => {
    seen.frames++;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (!(data instanceof ArrayBuffer) || data.byteLength < 24 || new DataView(data).getUint8(1) !== 2) return;
        const told = new DataView(data).getFloat64(8, true);
        // After the frame in which this was shown: a message that is posted in it comes once it is painted.
        requestAnimationFrame(() => {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => seen.ages.push(Date.now() - told);
          channel.port2.postMessage(0);
        });
      });
    }
  };
})();
