// A widget of ours in a notebook: live while its kernel has it, else the view saved beside it.
// Without this a notebook that is opened again shows "Error displaying widget" in its place.
import type { JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { PanelLayout, Widget } from "@lumino/widgets";

import { drawn } from "./mime";

const LIVE = "application/vnd.container-magics.live.v1+json";
const WIDGET = "application/vnd.jupyter.widget-view+json";
const RANK = -20; // before ipywidgets' own, which is -10

/** What we need of a notebook's registry of renderers. */
interface Renderers {
  addFactory(factory: IRenderMime.IRendererFactory, rank: number): void;
  getFactory(mimeType: string): unknown;
  createRenderer(mimeType: string): IRenderMime.IRenderer;
}

class LiveOrStill extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly renderers: Renderers) {
    super({ node: document.createElement("div") });
    this.layout = new PanelLayout();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const panel = this.layout as PanelLayout;
    const still = new Widget();
    still.node.append(drawn(model));
    panel.addWidget(still);
    if (!this.renderers.getFactory(WIDGET)) return;
    const live = this.renderers.createRenderer(WIDGET);
    live.hide();
    panel.addWidget(live);
    // ipywidgets draws again when it has heard what the kernel has, so this may change later
    const look = (): void => {
      const isDrawn = live.node.childElementCount > 0;
      live.setHidden(!isDrawn);
      still.setHidden(isDrawn);
    };
    this.watcher = new MutationObserver(look);
    this.watcher.observe(live.node, { childList: true });
    const { model_id } = model.data[LIVE] as { model_id: string };
    const data = { [WIDGET]: { version_major: 2, version_minor: 0, model_id } };
    await live.renderModel({ data, metadata: {}, trusted: model.trusted, setData: () => undefined });
    look();
  }

  override dispose(): void {
    this.watcher?.disconnect();
    super.dispose();
  }

  private watcher: MutationObserver | null = null;
}

export const still: JupyterFrontEndPlugin<void> = {
  id: "container-magics:still",
  description: "Shows a live list as it was, where no kernel has it any more",
  autoStart: true,
  activate: (app) => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew: (panel) => {
        const { rendermime } = (panel as unknown as { content: { rendermime: Renderers } }).content;
        rendermime.addFactory(
          {
            safe: false,
            mimeTypes: [LIVE],
            createRenderer: () => new LiveOrStill(rendermime),
          },
          RANK,
        );
      },
    });
  },
};
