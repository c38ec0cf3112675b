// The MIME renderer: a saved view is drawn with no kernel, in trusted notebooks and others.
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";

import { render } from "./render";
import { MIME, type View } from "./view";

/** One output. What cannot be drawn is shown as the text that was saved beside it. */
class RenderedView extends Widget implements IRenderMime.IRenderer {
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.node.replaceChildren(drawn(model));
    return Promise.resolve();
  }
}

/** The view of an output, or the text that was saved beside it. */
export function drawn(model: IRenderMime.IMimeModel): HTMLElement {
  try {
    // A notebook may hold anything under our type: `render` throws where it is no view.
    return render(model.data[MIME] as unknown as View);
  } catch (error) {
    console.warn("container-magics: this output is no view", error);
    const text = document.createElement("pre");
    const saved = model.data["text/plain"];
    text.textContent = typeof saved === "string" ? saved : "This output cannot be drawn.";
    return text;
  }
}

const extension: IRenderMime.IExtension = {
  id: "container-magics:view",
  description: "Draws the views of container_magics",
  rendererFactory: {
    // Text nodes only, no HTML and no script from the notebook: safe without trust.
    safe: true,
    mimeTypes: [MIME],
    createRenderer: () => new RenderedView(),
  },
  rank: 0,
  dataType: "json",
};

export default extension;
