// The built-in status page: asks once a second, shows what it is told, and says when it is told nothing.
"use strict";
const BOARDS = ["turnover_24h", "gainers_24h", "losers_24h", "velocity_up", "cvd_up", "cvd_down", "deepest",
  "funding_spread", "cross_edge", "liquidations_1h"];
// Said of every row of a demo or a young window: they do not set one row apart from another.
const EVERYWHERE = new Set(["SIMULATED", "REPLAY", "PARTIAL_WINDOW"]);
const at = (id) => document.getElementById(id);
const key = () => sessionStorage.getItem("key") || "";

async function ask(path) {
  const headers = key() ? { "x-api-key": key() } : {};
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(5000) });
  if (answer.status === 401) at("key").hidden = false;
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body;
}

function cell(text, kind) {
  const td = document.createElement("td");
  td.textContent = text;
  if (kind) td.className = kind;
  return td;
}

function line(cells, kind) {
  const tr = document.createElement("tr");
  if (kind) tr.className = kind;
  tr.append(...cells);
  return tr;
}

function ago(ms) {
  if (!ms) return "–";
  const s = Math.max((Date.now() - ms) / 1000, 0);
  return s < 90 ? `${s.toFixed(0)} s` : s < 5400 ? `${(s / 60).toFixed(0)} min` : `${(s / 3600).toFixed(1)} h`;
}

function number(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "fraction" || unit === "share" || unit === "apr") return `${(value * 100).toFixed(2)} %`;
  return Math.abs(value) >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : value.toPrecision(4);
}

function showSources(rows) {
  at("sources").tBodies[0].replaceChildren(...rows.map((s) => line([
    cell(s.source), cell(s.state, s.state === "open" || s.state === "idle" ? "" : "bad"), cell(ago(s.since_ms), "n"),
    cell(ago(s.last_ms), "n"), cell(number(s.lag_ms), "n"), cell(s.frames.toLocaleString("en"), "n"),
    cell(s.gaps, "n"), cell(s.errors, "n"), cell(s.reconnects, "n"), cell(s.last_error)])));
}

function boardTable(body) {
  const box = document.createElement("section");
  const title = document.createElement("h2");
  title.textContent = body.board.title;
  const table = document.createElement("table");
  const tbody = table.createTBody();
  tbody.append(...body.rows.map((r) => {
    const doubt = r.quality.some((flag) => !EVERYWHERE.has(flag));
    const row = line([cell(r.symbol), cell(number(r.value, body.board.unit), "n")], doubt ? "doubt" : "");
    row.title = r.quality.join(" ");
    return row;
  }));
  if (!body.rows.length) tbody.append(line([cell("no row has a value yet: its window is still empty")], "doubt"));
  box.append(title, table);
  return box;
}

async function refresh() {
  try {
    const status = await ask("/api/v1/status");
    at("mode").textContent = status.mode.toUpperCase();
    at("mode").className = status.mode;
    at("line").textContent = `version ${status.version} · ${status.instruments} instruments · view ${status.view} · ` +
      `${status.websocket.clients} WebSocket clients` + (status.reasons_not_ready.length ? ` · not ready: ${status.reasons_not_ready.join("; ")}` : "");
    showSources(status.sources);
    const found = await Promise.all(BOARDS.map((name) => ask(`/api/v1/boards/${name}?limit=8`)));
    at("boards").replaceChildren(...found.map(boardTable));
  } catch (error) {
    at("mode").textContent = `NO ANSWER: ${error.message}`;
    at("mode").className = "down";
  }
  setTimeout(refresh, 1000);
}

at("key-text").addEventListener("change", (event) => sessionStorage.setItem("key", event.target.value));
refresh();
