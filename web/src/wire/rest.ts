/** REST of one API: its base path, the key, and errors in plain words. */

export interface ErrorDetail {
  code: string;
  message: string;
  parameter?: string;
  allowed?: string;
}

/** What went wrong, for people; `status` 0 = no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: ErrorDetail,
  ) {
    super(detail.allowed ? `${detail.message} — allowed: ${detail.allowed}` : detail.message);
  }
}

const TIMEOUT_MS = 15_000;

export type Params = Readonly<Record<string, string | number | undefined>>;

export class Rest {
  /** `base` is "" or the path a replay is served below; `key` is asked for at every call. */
  constructor(
    readonly base: string,
    private readonly key: () => string,
    private readonly refused: () => void = () => undefined,
  ) {}

  url(path: string, params: Params = {}): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== "") query.set(name, String(value));
    const text = query.toString();
    return `${this.base}${path}${text ? `?${text}` : ""}`;
  }

  socketUrl(): string {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const key = this.key();
    return `${scheme}//${location.host}${this.base}/ws${key ? `?key=${encodeURIComponent(key)}` : ""}`;
  }

  async get<T>(path: string, params: Params = {}): Promise<T> {
    return (await (await this.call("GET", this.url(path, params))).json()) as T;
  }

  async text(path: string, params: Params = {}): Promise<string> {
    return (await this.call("GET", this.url(path, params))).text();
  }

  async send<T>(method: "PUT" | "POST" | "DELETE", path: string, body?: unknown, keepalive = false): Promise<T> {
    const answer = await this.call(method, this.url(path), body === undefined ? undefined : JSON.stringify(body), keepalive);
    const text = await answer.text();
    return (text ? JSON.parse(text) : {}) as T;
  }

  /** A question whose answer is a file. */
  async blob(path: string, body: unknown): Promise<Blob> {
    return (await this.call("POST", this.url(path), JSON.stringify(body))).blob();
  }

  /** A file as the body; no time limit but the browser's own. */
  async upload<T>(path: string, params: Params, body: Blob): Promise<T> {
    return (await (await this.call("POST", this.url(path, params), body)).json()) as T;
  }

  private async call(method: string, url: string, body?: string | Blob, keepalive = false): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.key()) headers["x-api-key"] = this.key();
    if (body !== undefined) headers["content-type"] = typeof body === "string" ? "application/json" : "application/octet-stream";
    const patience = typeof body === "object" ? {} : { signal: AbortSignal.timeout(TIMEOUT_MS) };
    let answer: Response;
    try {
      answer = await fetch(url, { method, headers, keepalive, ...patience, ...(body === undefined ? {} : { body }) });
    } catch {
      throw new ApiError(0, { code: "no_answer", message: "crosstape does not answer: it is stopped or out of reach" });
    }
    if (answer.ok) return answer;
    if (answer.status === 401) this.refused();
    throw new ApiError(answer.status, await detailOf(answer));
  }
}

async function detailOf(answer: Response): Promise<ErrorDetail> {
  try {
    const body = (await answer.json()) as { error?: ErrorDetail };
    if (body.error?.message) return body.error;
  } catch {
    // Not JSON: the status is all there is.
  }
  return { code: "http", message: `the server answered ${answer.status}` };
}

/** Offer a text as a file. */
export function download(name: string, text: string, type = "text/csv"): void {
  save(name, new Blob([text], { type }));
}

export function save(name: string, file: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
