// A tab with a container's log, which grows as its program writes.
import { MainAreaWidget, ToolbarButton } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import { refreshIcon, textEditorIcon } from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";

import { element } from "./dom";
import { LastLines } from "./lastlines";
import { socket } from "./live";
import type { Container } from "./model";

type Message =
  | { readonly text: string; readonly lost: boolean }
  | { readonly error: string; readonly hint: string }
  | { readonly over: true };

/** How near the end a reader may be and is still taken along, in pixels. */
const NEAR = 20;

class Log extends Widget {
  private readonly _text: HTMLPreElement;
  private readonly _note = element("div", { class: "container-magics-log-note", role: "status" });
  private readonly _lines: LastLines;
  private _socket: WebSocket | null = null;

  constructor(
    private readonly _container: Container,
    private readonly _most: number,
    private readonly _trans: TranslationBundle,
  ) {
    super();
    const label = _trans.__("Log of %1", _container.name);
    const looks = { class: "container-magics-log", tabindex: "0", role: "log", "aria-label": label };
    this._text = element("pre", looks);
    this._lines = new LastLines(this._text, _most);
    this.addClass("container-magics-logs");
    this.node.append(this._text, this._note);
    this.read();
  }

  /** Read it from the last lines on, and follow it. */
  read(): void {
    this._socket?.close();
    this._lines.clear();
    this._say(this._trans.__("Waiting for what it writes."));
    const place = encodeURIComponent(this._container.container_id);
    const opened = socket(`logs/websocket/${place}`, { tail: String(this._most) });
    opened.onmessage = (event: MessageEvent<string>) => {
      this._hear(JSON.parse(event.data) as Message);
    };
    opened.onclose = () => {
      if (this._socket === opened) {
        this._socket = null;
        this._say(this._trans.__("The server sends no more of it."));
      }
    };
    this._socket = opened;
  }

  override dispose(): void {
    const open = this._socket;
    this._socket = null;
    open?.close();
    super.dispose();
  }

  private _hear(message: Message): void {
    const { _text: text, _trans: trans } = this;
    if ("text" in message) {
      const isAtEnd = this._isAtEnd();
      this._lines.add(message.text);
      this._say(message.lost ? trans.__("It writes faster than this page can show: lines are left out.") : "");
      this._follow(isAtEnd);
      return;
    }
    this._socket = null;
    if ("error" in message) {
      this._say(`${message.error} ${message.hint}`.trim());
    } else {
      const empty = text.childNodes.length === 0;
      this._say(empty ? trans.__("It has ended, and wrote nothing.") : trans.__("It has ended."));
    }
  }

  private _say(words: string): void {
    if (this._note.textContent !== words) {
      const isAtEnd = this._isAtEnd(); // the note takes room from the text
      this._note.replaceChildren(...(words ? [words] : []));
      this._follow(isAtEnd);
    }
  }

  private _isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this._text;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  private _follow(wasAtEnd: boolean): void {
    if (wasAtEnd) {
      this._text.scrollTop = this._text.scrollHeight;
    }
  }
}

/** The tab, which follows the log as long as it is open; it keeps the last `most` lines. */
export function logTab(container: Container, most: number, trans: TranslationBundle): MainAreaWidget {
  const content = new Log(container, most, trans);
  const tab = new MainAreaWidget({ content });
  const refresh = new ToolbarButton({
    icon: refreshIcon,
    tooltip: trans.__("Read it again"),
    onClick: () => {
      content.read();
    },
  });
  tab.toolbar.addItem("refresh", refresh);
  tab.title.label = trans.__("Log of %1", container.name);
  tab.title.icon = textEditorIcon;
  tab.title.closable = true;
  return tab;
}
