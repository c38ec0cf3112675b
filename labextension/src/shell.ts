// The output of %shell and %sshbox: a button, and when it is pressed a terminal under the cell.
import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { ITranslator, type TranslationBundle, nullTranslator } from "@jupyterlab/translation";
import { PanelLayout, Widget } from "@lumino/widgets";

import { element } from "./dom";
import { ask } from "./live";
import { drawn } from "./mime";
import { type Container, runs } from "./model";
import { Terminals } from "./terminals";

const SHELL = "application/vnd.container-magics.shell.v1+json";
const RANK = -20;

/** Opens nothing by itself: a notebook may come from anybody, and only a click is a wish. */
export class ShellOutput extends Widget implements IRenderMime.IRenderer {
  private _terminal: Widget | null = null;
  private readonly _button = element("button", { type: "button", class: "jp-mod-styled" });
  private readonly _said = element("span", { role: "status" });
  private readonly _parts = new PanelLayout();
  private readonly _view = new Widget();
  private _container = "";

  constructor(
    private readonly _terminals: Terminals,
    private readonly _trans: TranslationBundle,
  ) {
    super();
    this.layout = this._parts;
    this.addClass("container-magics-shell");
    const bar = new Widget();
    bar.addClass("container-magics-shell-bar");
    bar.node.append(this._button, this._said);
    this._parts.addWidget(this._view);
    this._parts.addWidget(bar);
    this._button.addEventListener("click", () => void this._pressed());
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { container, view } = (model.data[SHELL] ?? {}) as { container?: unknown; view?: unknown };
    this._container = typeof container === "string" ? container : "";
    this._view.node.replaceChildren(...(view === true ? [drawn(model)] : []));
    this._name();
    return Promise.resolve();
  }

  private _name(): void {
    this._button.textContent = this._terminal
      ? this._trans.__("Close the terminal in %1", this._container)
      : this._trans.__("Open a terminal in %1", this._container);
  }

  private async _pressed(): Promise<void> {
    this._said.textContent = "";
    if (this._terminal) {
      this._terminal.dispose();
      this._terminal = null;
      this._name();
      return;
    }
    this._button.disabled = true;
    try {
      this._open(await this._id());
    } catch (error) {
      this._said.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      this._button.disabled = false;
      this._name();
    }
  }

  /** The ID of the container that has the name now. */
  private async _id(): Promise<string> {
    const containers = (await ask("containers")) as ReadonlyArray<Container>;
    const found = containers.find((one) => one.name === this._container);
    if (!found || !runs(found)) {
      throw new Error(this._trans.__("No container %1 runs.", this._container));
    }
    return found.container_id;
  }

  private _open(id: string): void {
    if (this.isDisposed) {
      return; // the cell was run again while the server was asked
    }
    const terminal = this._terminals.open(id);
    terminal.addClass("container-magics-shell-terminal");
    this._parts.addWidget(terminal);
    this._terminal = terminal;
    terminal.activate();
  }
}

export const shell: JupyterFrontEndPlugin<void> = {
  id: "container-magics:shell",
  description: "Shows a terminal in a container under the cell that asks for one",
  autoStart: true,
  optional: [ITranslator],
  activate: (app, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load("container_magics");
    const terminals = new Terminals();
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (panel) => {
        const { rendermime } = (panel as unknown as Notebook).content;
        rendermime.addFactory(
          {
            safe: false,
            mimeTypes: [SHELL],
            createRenderer: () => new ShellOutput(terminals, trans),
          },
          RANK,
        );
      },
    });
  },
};

/** What we need of a notebook's panel. */
interface Notebook {
  readonly content: {
    readonly rendermime: {
      addFactory(factory: IRenderMime.IRendererFactory, rank: number): void;
    };
  };
}
