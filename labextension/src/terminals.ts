// JupyterLab's own terminal and connection, on a shell of a container's.
import { TerminalManager } from "@jupyterlab/services";
import { Terminal } from "@jupyterlab/terminal";

import { settings } from "./live";

export class Terminals {
  private _manager: TerminalManager | null = null;

  /** One more; the shell in the container ends with it. */
  open(containerId: string): Terminal {
    this._manager ??= new TerminalManager({ serverSettings: settings() });
    const session = this._manager.connectTo({ model: { name: containerId } });
    const terminal = new Terminal(session, { theme: "inherit" }, undefined);
    // A closed terminal only lets go of its connection: ours is to end, and the shell with it.
    terminal.disposed.connect(() => {
      session.dispose();
    });
    return terminal;
  }
}
