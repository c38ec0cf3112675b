// What the sidebar's buttons and the palette's commands do to a container.
import type { JupyterFrontEnd } from "@jupyterlab/application";
import {
  Dialog,
  InputDialog,
  MainAreaWidget,
  Notification,
  showDialog,
  showErrorMessage,
} from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import { terminalIcon } from "@jupyterlab/ui-components";
import { TabPanel } from "@lumino/widgets";

import { layersTab } from "./layerstab";
import { type Live, Refused, ask } from "./live";
import { logTab } from "./logtab";
import { type Container, type Image, imageName, runs } from "./model";
import type { Deeds, Verb } from "./panel";
import { DEFAULTS } from "./preferences";
import type { Terminals } from "./terminals";

export class Actions implements Deeds {
  preferences = DEFAULTS;
  private _made = 0;

  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _live: Live,
    private readonly _trans: TranslationBundle,
    private readonly _terminals: Terminals,
  ) {}

  /** Do it, and say it where it is refused. */
  act(verb: Verb, container: Container): void {
    void this._saying(() => this._done(verb, container));
  }

  /** Show the image's layers in a tab. */
  layers(image: Image): void {
    void this._saying(async () => {
      const label = this._trans.__("Layers of %1", imageName(image));
      const waiting = Notification.emit(label, "in-progress", { autoClose: false });
      try {
        this._show(await layersTab(image, this._trans));
      } finally {
        Notification.dismiss(waiting);
      }
    });
  }

  private async _saying(deed: () => Promise<void>): Promise<void> {
    try {
      await deed();
    } catch (error) {
      await showErrorMessage(this._trans.__("Not done"), this._words(error));
    }
  }

  private _words(error: unknown): string {
    if (!(error instanceof Refused)) {
      return error instanceof Error ? error.message : String(error);
    }
    const status = String(error.status);
    const words = error.message || this._trans.__("The server refused it, with status %1.", status);
    return `${words} ${error.hint}`.trim();
  }

  /** Ask for one of the containers for which it makes sense; null for none. */
  async chosen(verb: Verb): Promise<Container | null> {
    const fitting = this._live.holdings.containers.filter((one) =>
      verb === "stop" || verb === "terminal" ? runs(one) : verb === "start" ? !runs(one) : true,
    );
    if (!fitting.length) {
      await showErrorMessage(this._trans.__("No container"), this._trans.__("There is none for this."));
      return null;
    }
    const names = fitting.map((one) => one.name);
    const answer = await InputDialog.getItem({ title: this._trans.__("Which container?"), items: names });
    return fitting.find((one) => one.name === answer.value) ?? null;
  }

  private async _done(verb: Verb, container: Container): Promise<void> {
    const path = `containers/${encodeURIComponent(container.container_id)}`;
    if (verb === "log") {
      this._show(logTab(container, this.preferences.logLines, this._trans));
    } else if (verb === "terminal") {
      this._show(this._terminal(container));
    } else if (verb === "remove") {
      if (await this._isSure(container)) {
        await ask(`${path}/remove`, "POST", { force: !container.mine });
      }
    } else {
      await ask(`${path}/${verb}`, "POST", {});
    }
  }

  private async _isSure(container: Container): Promise<boolean> {
    const trans = this._trans;
    if (container.mine && !this.preferences.askBeforeRemoving) {
      return true;
    }
    const body = [
      container.mine ? "" : trans.__("No notebook of yours made it."),
      runs(container) ? trans.__("It is running, and is ended.") : "",
      trans.__("What it wrote that is in no volume is lost."),
    ];
    const answer = await showDialog({
      title: trans.__("Remove the container %1?", container.name),
      body: body.filter((each) => each !== "").join(" "),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__("Remove") })],
      defaultButton: 0,
    });
    return answer.button.accept;
  }

  private _show(widget: MainAreaWidget): void {
    const { shell } = this._app;
    widget.id = `container-magics-${String(this._made++)}`;
    shell.add(widget, "main");
    if (!widget.isAttached) {
      shell.add(widget, "down"); // Notebook 7 has its main area full with the notebook
    }
    if (!widget.isAttached) {
      widget.dispose(); // nobody could close it: a shell would run on
      throw new Error(this._trans.__("There is no room for it in this page."));
    }
    shell.activateById(widget.id);
    const below = widget.parent?.parent;
    if (below instanceof TabPanel) {
      below.currentWidget = widget; // which Notebook 7 leaves to the reader
    }
  }

  private _terminal({ container_id, name }: Container): MainAreaWidget {
    const terminal = this._terminals.open(container_id);
    const label = this._trans.__("Terminal in %1", name);
    const named = (): void => {
      // The widget calls itself by the session, and a program in it may call it what it likes.
      if (terminal.title.label !== label) {
        terminal.title.label = label;
      }
    };
    terminal.title.icon = terminalIcon;
    terminal.title.changed.connect(named);
    const widget = new MainAreaWidget({ content: terminal, reveal: terminal.ready });
    named();
    return widget;
  }
}
