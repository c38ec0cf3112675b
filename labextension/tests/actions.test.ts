// Where the sidebar's tabs go: also where a page has its main area full, as Notebook 7 has.
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { nullTranslator } from "@jupyterlab/translation";
import { TabPanel, Widget } from "@lumino/widgets";
import { describe, expect, it, vi } from "vitest";

const shown = vi.hoisted(() => ({ error: vi.fn(), tabs: [] as Widget[] }));
vi.mock("@jupyterlab/apputils", () => ({ showErrorMessage: shown.error }));
vi.mock("@jupyterlab/ui-components", () => ({ terminalIcon: null }));
vi.mock("../src/layerstab", () => ({ layersTab: vi.fn() }));
vi.mock("../src/logtab", () => ({
  logTab: () => {
    const tab = new Widget();
    shown.tabs.push(tab);
    return tab;
  },
}));

import { Actions } from "../src/actions";
import type { Container } from "../src/model";

const below = new TabPanel();
below.addWidget(new Widget());
Widget.attach(below, document.body);

/** Open a log in a page that has room in these areas alone; the tab, and what was asked of the shell. */
async function opened(...areas: ReadonlyArray<string>): Promise<[Widget, string[]]> {
  const asked: string[] = [];
  const shell = {
    add: (widget: Widget, area: string) => {
      asked.push(area);
      if (areas.includes(area) && area === "down") {
        below.addWidget(widget);
      } else if (areas.includes(area)) {
        Widget.attach(widget, document.body);
      }
    },
    activateById: (id: string) => asked.push(`front ${id}`),
  };
  const app = { shell } as unknown as JupyterFrontEnd;
  const trans = nullTranslator.load("container_magics");
  const actions = new Actions(app, {} as never, trans, {} as never);
  shown.error.mockClear();
  actions.act("log", { container_id: "a", name: "a" } as Container);
  await new Promise((resolve) => setTimeout(resolve));
  const tab = shown.tabs.at(-1);
  if (!tab) {
    throw new Error("no tab was made");
  }
  return [tab, asked];
}

describe("a tab of the sidebar's", () => {
  it("is in the main area", async () => {
    const [tab, asked] = await opened("main", "down");
    expect(asked).toEqual(["main", `front ${tab.id}`]);
    expect(shown.error).not.toHaveBeenCalled();
  });

  it("is below a notebook that has the main area for itself", async () => {
    const [tab, asked] = await opened("down");
    expect(asked).toEqual(["main", "down", `front ${tab.id}`]);
    expect(tab.isDisposed).toBe(false);
    expect(below.currentWidget).toBe(tab);
  });

  it("is closed, and that is said, where there is no room: nobody could close it", async () => {
    const [tab] = await opened();
    expect(tab.isDisposed).toBe(true);
    expect(shown.error).toHaveBeenCalledWith("Not done", "There is no room for it in this page.");
  });
});
