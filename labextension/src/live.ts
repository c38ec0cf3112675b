// The holdings, kept as they are now: lists once, then the server's feed on a websocket.
import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import type { TranslationBundle } from "@jupyterlab/translation";
import { type ISignal, Signal } from "@lumino/signaling";

import { type Holdings, LISTS, type ListName, type Message, NOTHING, applied } from "./model";

const PLACE = "container-magics";
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
const GATHERED_MS = 150;

/** A sentence of the server's ("" where it sent none), and what to do about it. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** The server's settings for our part of it: JupyterLab's own classes then ask us. */
export function settings(): ServerConnection.ISettings {
  const whole = ServerConnection.makeSettings();
  return {
    ...whole,
    baseUrl: URLExt.join(whole.baseUrl, PLACE),
    wsUrl: URLExt.join(whole.wsUrl, PLACE),
  };
}

/** Ask the server; Refused where it does not do it. */
export async function ask(path: string, method = "GET", body?: unknown): Promise<unknown> {
  const ours = settings();
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const answer = await ServerConnection.makeRequest(URLExt.join(ours.baseUrl, path), init, ours);
  const text = await answer.text();
  if (answer.ok) {
    return text === "" ? null : (JSON.parse(text) as unknown);
  }
  throw refusal(answer.status, text);
}

function refusal(status: number, text: string): Refused {
  try {
    const told = JSON.parse(text) as { message?: unknown; hint?: unknown };
    const words = typeof told.message === "string" ? told.message : "";
    const hint = typeof told.hint === "string" ? told.hint : "";
    return new Refused(status, words, hint);
  } catch {
    return new Refused(status, "", "");
  }
}

/** A websocket of ours. */
export function socket(path: string, query: Readonly<Record<string, string>> = {}): WebSocket {
  const ours = settings();
  const token = ours.appendToken && ours.token !== "" ? { token: ours.token } : {};
  const asked = new URLSearchParams({ ...query, ...token }).toString();
  return new ours.WebSocket(URLExt.join(ours.wsUrl, path) + (asked && `?${asked}`));
}

/** Holds what the engine holds; `changed` is emitted after each change. */
export class Live {
  private readonly _changed = new Signal<this, void>(this);
  private _holdings: Holdings = NOTHING;
  private _socket: WebSocket | null = null;
  private _retryMs = FIRST_RETRY_MS;
  private _reading = new Set<ListName>();
  private _again = new Set<ListName>();
  private readonly _due = new Set<ListName>();

  constructor(private readonly _trans: TranslationBundle) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get holdings(): Holdings {
    return this._holdings;
  }

  /** Begin to listen; and again and again, where the server goes away. */
  listen(): void {
    const opened = socket("events");
    this._socket = opened;
    opened.onopen = () => {
      this._retryMs = FIRST_RETRY_MS;
    };
    opened.onmessage = (event: MessageEvent<string>) => {
      this.hear(JSON.parse(event.data) as Message);
    };
    opened.onclose = () => {
      if (this._socket !== opened) {
        return;
      }
      const message = this._trans.__("The Jupyter server does not tell what the engine does.");
      const hint = this._trans.__("Is it still running?");
      const state = { ok: false, name: "", version: "", root: "", message, hint };
      this.hear({ type: "state", state });
      setTimeout(() => {
        this.listen();
      }, this._retryMs);
      this._retryMs = Math.min(LAST_RETRY_MS, 2 * this._retryMs);
    };
  }

  hear(message: Message): void {
    const [holdings, lists] = applied(this._holdings, message);
    // A list on its way may be older than what was told of one container: it is read once more.
    if (message.type === "container" && this._reading.has("containers")) {
      this._again.add("containers");
    }
    this._set(holdings);
    if (message.type === "state") {
      lists.forEach((list) => void this.read(list));
    } else {
      lists.forEach((list) => {
        this._readSoon(list);
      });
    }
  }

  /** Once for all that comes within a moment: the start of a container alone changes two lists. */
  private _readSoon(list: ListName): void {
    if (!this._due.has(list)) {
      this._due.add(list);
      setTimeout(() => {
        this._due.delete(list);
        void this.read(list);
      }, GATHERED_MS);
    }
  }

  /** Read all lists again. */
  refresh(): void {
    LISTS.forEach((list) => void this.read(list));
  }

  /** Read a list; asked for meanwhile, it is read once more when the answer is there. */
  async read(list: ListName): Promise<void> {
    if (this._reading.has(list)) {
      this._again.add(list);
      return;
    }
    this._reading.add(list);
    try {
      const found = await ask(list);
      this._set({ ...this._holdings, [list]: found });
    } catch (error) {
      console.warn("container-magics: a list cannot be read", error);
    } finally {
      this._reading.delete(list);
    }
    if (this._again.delete(list)) {
      await this.read(list);
    }
  }

  private _set(holdings: Holdings): void {
    this._holdings = holdings;
    this._changed.emit(undefined);
  }
}
