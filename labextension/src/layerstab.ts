// A tab with an image's layers: the view that %layers shows, asked of the server.
import { MainAreaWidget } from "@jupyterlab/apputils";
import type { TranslationBundle } from "@jupyterlab/translation";
import { Widget } from "@lumino/widgets";

import { element } from "./dom";
import { layersIcon } from "./icons";
import { ask } from "./live";
import { type Image, imageName } from "./model";
import { render } from "./render";
import type { View } from "./view";

/** The tab. Rejects where there are no layers to show, as when the image is gone. */
export async function layersTab(image: Image, trans: TranslationBundle): Promise<MainAreaWidget> {
  const label = trans.__("Layers of %1", imageName(image));
  const found = await ask(`images/${encodeURIComponent(image.image_id)}/layers`);
  const attributes = { class: "container-magics-layers", tabindex: "0", role: "region", "aria-label": label };
  const node = element("div", attributes, render(found as View));
  const tab = new MainAreaWidget({ content: new Widget({ node }) });
  tab.toolbar.hide();
  tab.title.label = label;
  tab.title.icon = layersIcon;
  tab.title.closable = true;
  return tab;
}
