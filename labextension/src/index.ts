// Only wires: the sidebar, its commands, the status bar's item; the languages of our cells.
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { EditorExtensionRegistry, IEditorExtensionRegistry } from "@jupyterlab/codemirror";
import { ILauncher } from "@jupyterlab/launcher";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { ITranslator, nullTranslator } from "@jupyterlab/translation";
import { terminalIcon } from "@jupyterlab/ui-components";

import { Actions } from "./actions";
import { cellLanguage } from "./highlight";
import { containersIcon } from "./icons";
import { imageCellBar } from "./imagecellbar";
import { ImageCells } from "./imagecells";
import { Live } from "./live";
import { Panel, type Verb } from "./panel";
import { preferences } from "./preferences";
import { shell } from "./shell";
import { Status } from "./status";
import { still } from "./still";
import { Terminals } from "./terminals";

const SIDEBAR = "container-magics:sidebar";
const OPEN = "container-magics:open";
const REFRESH = "container-magics:refresh";

const sidebar: JupyterFrontEndPlugin<void> = {
  id: SIDEBAR,
  description: "Shows what the engine holds, live, and works with it",
  autoStart: true,
  optional: [ITranslator, ICommandPalette, ILauncher, IStatusBar, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    statusBar: IStatusBar | null,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("container_magics");
    const live = new Live(trans);
    const actions = new Actions(app, live, trans, new Terminals());
    const panel = new Panel(live, actions, trans);
    void settings?.load(SIDEBAR).then((set) => {
      const apply = (): void => {
        panel.preferences = actions.preferences = preferences(set.composite);
      };
      set.changed.connect(apply);
      apply();
    });
    const open = (): void => {
      app.shell.activateById(panel.id);
    };
    app.shell.add(panel, "left", { rank: 450 });
    restorer?.add(panel, panel.id);
    followCurrent(app, panel);

    const category = trans.__("Containers");
    const add = (id: string, label: string, execute: () => unknown): void => {
      const icon = id === OPEN ? containersIcon : id.endsWith("terminal") ? terminalIcon : null;
      app.commands.addCommand(id, { label, execute, ...(icon ? { icon } : {}) });
      palette?.addItem({ command: id, category });
    };
    add(OPEN, trans.__("Show the Containers"), open);
    add(REFRESH, trans.__("Read the Lists of Containers Again"), () => {
      live.refresh();
    });
    const verbs: ReadonlyArray<[Verb, string]> = [
      ["start", trans.__("Start a Container…")],
      ["stop", trans.__("Stop a Container…")],
      ["log", trans.__("Log of a Container…")],
      ["terminal", trans.__("Terminal in a Container…")],
      ["remove", trans.__("Remove a Container…")],
    ];
    for (const [verb, label] of verbs) {
      add(`container-magics:${verb}`, label, async () => {
        const chosen = await actions.chosen(verb);
        if (chosen) {
          actions.act(verb, chosen);
        }
      });
    }
    launcher?.add({ command: OPEN, category, rank: 1 });
    launcher?.add({ command: "container-magics:terminal", category, rank: 2 });
    statusBar?.registerStatusItem("container-magics:engine", {
      item: new Status(live, open, trans),
      align: "left",
      rank: 90,
    });
    live.listen();
  },
};

/** Tell the panel which notebook is in front. */
function followCurrent(app: JupyterFrontEnd, panel: Panel): void {
  const told = (): void => {
    const context = (app.shell.currentWidget as { context?: { path?: unknown } } | null)?.context;
    const path = context?.path;
    panel.path = typeof path === "string" ? path : "";
  };
  app.shell.currentChanged?.connect(told);
  void app.restored.then(told);
}

const languages: JupyterFrontEndPlugin<void> = {
  id: "container-magics:cell-languages",
  description: "Colours the Dockerfiles, scripts and Compose files in cells; runs and saves Dockerfiles",
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  optional: [ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    registry: IEditorExtensionRegistry,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
  ) => {
    const trans = (translator ?? nullTranslator).load("container_magics");
    const cells = new ImageCells(app, trans);
    void settings?.load(SIDEBAR).then((set) => {
      const apply = (): void => {
        const { imageCellButtons } = preferences(set.composite);
        document.body.classList.toggle("container-magics-no-cell-buttons", !imageCellButtons);
      };
      set.changed.connect(apply);
      apply();
    });
    registry.addExtension({
      name: "container-magics:cell-language",
      factory: ({ model }) =>
        EditorExtensionRegistry.createImmutableExtension([
          cellLanguage(model.sharedModel.getSource()),
          imageCellBar(cells, trans),
        ]),
    });
  },
};

export default [sidebar, languages, still, shell];
