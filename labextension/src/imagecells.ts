// What the buttons of an %%image cell do: run the cell, and save its Dockerfile beside the notebook.
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Dialog, InputDialog, Notification, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import { type Contents, ServerConnection } from "@jupyterlab/services";
import type { TranslationBundle } from "@jupyterlab/translation";

import { dockerfileOf, isFileName } from "./cells";
import type { CellDeeds } from "./imagecellbar";

const RUN = "notebook:run-cell";

export class ImageCells implements CellDeeds {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _trans: TranslationBundle,
  ) {}

  /** Run the cell: a click in it has made it the notebook's active one. */
  run(): void {
    void this._app.commands.execute(RUN);
  }

  /** Save the cell without its first line, by a name that the reader gives. */
  save(text: string): void {
    this._saved(text).catch((error: unknown) =>
      showErrorMessage(this._trans.__("Not saved"), error instanceof Error ? error : String(error)),
    );
  }

  private async _saved(text: string): Promise<void> {
    const trans = this._trans;
    const asked = await InputDialog.getText({
      title: trans.__("Save this Dockerfile beside the notebook"),
      label: trans.__("Name"),
      text: "Dockerfile",
      okLabel: trans.__("Save"),
    });
    const name = asked.button.accept ? (asked.value ?? "").trim() : "";
    if (!asked.button.accept) {
      return;
    }
    if (!isFileName(name)) {
      throw new Error(trans.__("This is no name of a file: %1", name));
    }
    const path = PathExt.join(PathExt.dirname(this._notebook()), name);
    if ((await this._isThere(path)) && !(await this._mayOverwrite(name))) {
      return;
    }
    const file: Partial<Contents.IModel> = { type: "file", format: "text", content: dockerfileOf(text) };
    await this._app.serviceManager.contents.save(path, file);
    Notification.success(trans.__("Saved as %1", path), { autoClose: 4000 });
  }

  private async _isThere(path: string): Promise<boolean> {
    try {
      await this._app.serviceManager.contents.get(path, { content: false });
      return true;
    } catch (error) {
      if (error instanceof ServerConnection.ResponseError && error.response.status === 404) {
        return false;
      }
      throw error;
    }
  }

  private async _mayOverwrite(name: string): Promise<boolean> {
    const trans = this._trans;
    const answer = await showDialog({
      title: trans.__("Overwrite %1?", name),
      body: trans.__("A file of this name is there. What it holds is lost."),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__("Overwrite") })],
      defaultButton: 0,
    });
    return answer.button.accept;
  }

  /** The path of the notebook in front; "" for none. */
  private _notebook(): string {
    const context = (this._app.shell.currentWidget as { context?: { path?: unknown } } | null)?.context;
    return typeof context?.path === "string" ? context.path : "";
  }
}
