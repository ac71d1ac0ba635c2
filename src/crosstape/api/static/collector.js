"use strict";
// Trades of an exchange from the user's own browser: shown, saved, pushed.

// What may be kept for saving and wait for crosstape; beyond, the oldest go and are counted.
const MOST_KEPT = 200000;
const MOST_WAITING = 20000;
const BATCH = 500;
const LONGEST_PAUSE_MS = 30000;

const side = (taker) => (taker ? "buy" : "sell");
const EXCHANGES = {
  bybit: {
    address: "wss://stream.bybit.com/v5/public/linear", symbol: "BTCUSDT", ping: { op: "ping" },
    subscribe: (symbol) => ({ op: "subscribe", args: [`publicTrade.${symbol}`] }),
    read: (m) => !m.topic?.startsWith("publicTrade.") ? [] : m.data.map((t) =>
      ({ symbol: t.s, timestamp: t.T, price: +t.p, size: +t.v, side: t.S.toLowerCase(), id: t.i })),
  },
  binance: {
    address: "wss://fstream.binance.com/ws", symbol: "BTCUSDT",
    subscribe: (symbol) => ({ method: "SUBSCRIBE", params: [`${symbol.toLowerCase()}@trade`], id: 1 }),
    read: (m) => m.e !== "trade" || !(+m.q > 0) ? [] :
      [{ symbol: m.s, timestamp: m.T, price: +m.p, size: +m.q, side: side(!m.m), id: String(m.t) }],
  },
  okx: {
    address: "wss://ws.okx.com:8443/ws/v5/public", symbol: "BTC-USDT-SWAP",
    subscribe: (symbol) => ({ op: "subscribe", args: [{ channel: "trades", instId: symbol }] }),
    read: (m) => m.arg?.channel !== "trades" || !m.data ? [] : m.data.map((t) =>
      ({ symbol: t.instId, timestamp: +t.ts, price: +t.px, size: +t.sz, side: t.side, id: t.tradeId })),
  },
  coinbase: {
    address: "wss://ws-feed.exchange.coinbase.com", symbol: "BTC-USD",
    subscribe: (symbol) => ({ type: "subscribe", product_ids: [symbol], channels: ["matches"] }),
    // Their side is the maker's.
    read: (m) => m.type !== "match" ? [] : [{ symbol: m.product_id, timestamp: m.time, price: +m.price,
      size: +m.size, side: side(m.side === "sell"), id: String(m.trade_id) }],
  },
  kraken: {
    address: "wss://ws.kraken.com/v2", symbol: "BTC/USD", ping: { method: "ping" },
    subscribe: (symbol) => ({ method: "subscribe", params: { channel: "trade", symbol: [symbol] } }),
    read: (m) => m.channel !== "trade" ? [] : m.data.map((t) =>
      ({ symbol: t.symbol, timestamp: t.timestamp, price: t.price, size: t.qty, side: t.side, id: String(t.trade_id) })),
  },
  hyperliquid: {
    address: "wss://api.hyperliquid.xyz/ws", symbol: "BTC", ping: { method: "ping" },
    subscribe: (symbol) => ({ method: "subscribe", subscription: { type: "trades", coin: symbol } }),
    read: (m) => m.channel !== "trades" ? [] : m.data.map((t) =>
      ({ symbol: t.coin, timestamp: t.time, price: +t.px, size: +t.sz, side: side(t.side === "B"), id: String(t.tid) })),
  },
};

const at = (id) => document.getElementById(id);
const counts = { messages: 0, trades: 0, acknowledged: 0, dropped: 0, connections: 0 };
let kept = [], waiting = [], underWay = [], running = null, price = "–";

function show() {
  for (const [name, value] of Object.entries(counts)) at(name).textContent = value.toLocaleString("en");
  at("waiting").textContent = (waiting.length + underWay.length).toLocaleString("en");
  at("price").textContent = price;
  at("save").disabled = !kept.length;
}

function say(text, trouble = "") {
  at("state").textContent = text;
  at("trouble").textContent = trouble;
}

function take(trades, push) {
  for (const trade of trades) {
    counts.trades += 1;
    price = trade.price;
    kept.push(trade);
    if (push) waiting.push(trade);
  }
  if (kept.length > MOST_KEPT) kept = kept.slice(-MOST_KEPT);
  if (waiting.length > MOST_WAITING) {
    counts.dropped += waiting.length - MOST_WAITING;
    waiting = waiting.slice(-MOST_WAITING);
  }
}

// A socket that is opened again, after a pause that doubles, until it is told to end.
class Line {
  constructor(address, opened, heard) {
    Object.assign(this, { address, opened, heard, pause: 1000, ended: false, timer: 0 });
    this.open();
  }

  open() {
    let socket;
    try {
      socket = this.socket = new WebSocket(this.address);
    } catch (error) {
      say("not started", String(error.message));
      return;
    }
    socket.onopen = () => { this.pause = 1000; this.opened(this); };
    socket.onmessage = (event) => this.heard(event.data, this);
    socket.onclose = (event) => {
      if (this.ended) return;
      say("connecting again …", event.reason || `${new URL(this.address).host} closed the connection (${event.code})`);
      this.timer = setTimeout(() => this.open(), this.pause);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    };
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}

// One message to crosstape at a time; what it did not acknowledge is sent again, which its id makes harmless.
function pushLine(exchange, key) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const query = key ? `?key=${encodeURIComponent(key)}` : "";
  const next = (line) => {
    if (underWay.length || !waiting.length) return;
    underWay = waiting.splice(0, BATCH);
    const ticks = underWay.map((trade) => ({ ...trade, symbol: `${exchange}/${trade.symbol}` }));
    if (!line.send(ticks)) again();
  };
  const again = () => { waiting = underWay.concat(waiting); underWay = []; };
  const heard = (data, line) => {
    const answer = JSON.parse(data);
    if (answer.error && answer.retry_after_s) {
      again();
      return;
    }
    if (answer.error) say("crosstape refuses", answer.error.message);
    else counts.acknowledged += answer.accepted;
    underWay = [];
    next(line);
  };
  const line = new Line(`${scheme}://${location.host}/ws/push${query}`, () => { again(); next(line); }, heard);
  line.next = () => next(line);
  return line;
}

function start(event) {
  event.preventDefault();
  const name = at("exchange").value, exchange = EXCHANGES[name], symbol = at("symbol").value.trim();
  const push = at("push").checked;
  say("connecting …");
  const opened = (line) => {
    counts.connections += 1;
    line.send(exchange.subscribe(symbol));
    say(`collecting ${symbol} of ${name}`);
  };
  const heard = (data) => {
    counts.messages += 1;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    take(exchange.read(message), push);
  };
  const line = new Line(at("address").value.trim(), opened, heard);
  const pushes = push ? pushLine(name, at("key").value.trim()) : null;
  const timers = [setInterval(() => { pushes?.next(); show(); }, 500)];
  if (exchange.ping) timers.push(setInterval(() => line.send(exchange.ping), 20000));
  running = { line, pushes, timers };
  at("start").disabled = true;
  at("stop").disabled = false;
}

function stop() {
  running?.line.end();
  running?.pushes?.end();
  running?.timers.forEach(clearInterval);
  running = null;
  waiting = underWay.concat(waiting);
  underWay = [];
  at("start").disabled = false;
  at("stop").disabled = true;
  say("stopped");
  show();
}

function save() {
  const lines = kept.map((trade) => JSON.stringify(trade)).join("\n") + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
  link.download = `${at("exchange").value}-${kept[0].symbol.replace(/[^A-Za-z0-9]+/g, "-")}-trades.ndjson`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function choose() {
  const exchange = EXCHANGES[at("exchange").value];
  at("address").value = exchange.address;
  at("symbol").value = exchange.symbol;
}

for (const name of Object.keys(EXCHANGES)) at("exchange").add(new Option(name, name));
choose();
at("exchange").addEventListener("change", choose);
at("form").addEventListener("submit", start);
at("stop").addEventListener("click", stop);
at("save").addEventListener("click", save);
